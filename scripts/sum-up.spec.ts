import { describe, expect, it } from 'vitest';
import { countReport } from './sum-up.ts';

const file = (status: string, ...tests: string[]) => ({
  name: 'a.spec.ts',
  status,
  assertionResults: tests.map((test) => ({ status: test })),
});

describe('the sum of a vitest report', () => {
  it.each([
    ['all passed', [file('passed', 'passed', 'passed')], 0, { passed: 2, failed: 0 }],
    ['one failed', [file('failed', 'passed', 'failed')], 1, { passed: 1, failed: 1 }],
    ['a skipped test is a failed one', [file('passed', 'passed', 'skipped')], 0, { passed: 1, failed: 1 }],
    ['so is one still to do', [file('passed', 'todo')], 0, { passed: 0, failed: 1 }],
    ['a file that did not load', [file('failed')], 1, { passed: 0, failed: 1 }],
    ['an error outside of every test', [file('passed', 'passed')], 1, { passed: 1, failed: 1 }],
    ['no test at all', [], 1, { passed: 0, failed: 1 }],
  ])('%s', (_case, testResults, status, sum) => {
    expect(countReport({ testResults }, status)).toEqual(sum);
  });
});
