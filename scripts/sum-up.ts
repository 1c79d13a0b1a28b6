// Adds up what the stages of scripts/test.sh left in a folder. Names what failed and prints `N passed, N failed`; exits 1
// when any failed.
//
//   <name>.check     "passed" or "failed": one test
//   <name>.status    vitest's exit status, beside <name>.json, its report
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    /** Why the file failed, where no test did. */
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName?: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** Everything that isn't "passed" failed: a skipped test proves nothing. */
export function countReport(report: Report, exitStatus: number): Count {
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults) {
    const good = file.assertionResults.filter((test) => test.status === 'passed').length;
    const bad = file.assertionResults.length - good;
    passed += good;
    // A file that failed without a failed test did so outside of them: at import, or in a hook.
    failed += bad === 0 && file.status !== 'passed' ? 1 : bad;
  }
  // An error that vitest counts with no test: one that nobody caught, or no test at all.
  return { passed, failed: failed === 0 && exitStatus !== 0 ? 1 : failed };
}

/** Each test that failed, with the beginning of why: what is above in the output may be cut off by who keeps it. */
export function failuresIn({ testResults }: Report): string[] {
  const lines: string[] = [];
  for (const { name, status, message, assertionResults } of testResults) {
    const file = relative(process.cwd(), name);
    const bad = assertionResults.filter((test) => test.status !== 'passed');
    for (const { fullName, status: why, failureMessages } of bad) {
      lines.push(`${file} > ${fullName ?? ''}\n${beginningOf(failureMessages?.join('\n') || why)}`);
    }
    if (bad.length === 0 && status !== 'passed') lines.push(`${file}\n${beginningOf(message || status)}`);
  }
  return lines;
}

const beginningOf = (text: string): string => text.slice(0, 2_500).replace(/^/gm, '    ');

interface Stage extends Count {
  readonly failures: readonly string[];
}

function sumUpStage(dir: string, file: string): Stage {
  const name = file.replace(/\.\w+$/, '');
  const text = readFileSync(join(dir, file), 'utf8').trim();
  const oneFailed = { passed: 0, failed: 1, failures: [name] };
  if (file.endsWith('.check')) return text === 'passed' ? { passed: 1, failed: 0, failures: [] } : oneFailed;
  const path = join(dir, `${name}.json`);
  if (!existsSync(path)) return oneFailed;
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const count = countReport(report, Number(text));
  const failures = failuresIn(report);
  return {
    ...count,
    failures: count.failed > 0 && failures.length === 0 ? [`${name}: an error outside of the tests`] : failures,
  };
}

if (import.meta.main) {
  const dir = process.argv[2] ?? '.';
  const stages = readdirSync(dir)
    .filter((file) => !file.endsWith('.json'))
    .map((file) => sumUpStage(dir, file));
  const passed = stages.reduce((sum, stage) => sum + stage.passed, 0);
  const failed = stages.reduce((sum, stage) => sum + stage.failed, 0);
  if (failed > 0) console.log(['== failed', ...stages.flatMap((stage) => stage.failures)].join('\n'));
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
