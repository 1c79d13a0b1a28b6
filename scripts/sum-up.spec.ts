import { describe, expect, it } from 'vitest';
import { countReport, failuresIn } from './sum-up.ts';

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

describe('what failed', () => {
  it('is named with the reason, a file that did not load too', () => {
    const tests = [
      { status: 'passed', fullName: 'a disk is whole', failureMessages: [] },
      { status: 'failed', fullName: 'a disk is new', failureMessages: ['Error: old\n  at it'] },
      { status: 'skipped', fullName: 'a disk is left out', failureMessages: [] },
    ];
    const testResults = [
      { name: `${process.cwd()}/libs/a.spec.ts`, status: 'failed', assertionResults: tests },
      { name: `${process.cwd()}/libs/b.spec.ts`, status: 'failed', message: 'SyntaxError', assertionResults: [] },
      { name: `${process.cwd()}/libs/c.spec.ts`, status: 'passed', assertionResults: [{ status: 'passed' }] },
    ];
    expect(failuresIn({ testResults })).toEqual([
      'libs/a.spec.ts > a disk is new\n    Error: old\n      at it',
      'libs/a.spec.ts > a disk is left out\n    skipped',
      'libs/b.spec.ts\n    SyntaxError',
    ]);
  });
});
