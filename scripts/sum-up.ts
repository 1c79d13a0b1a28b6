// Adds up what the stages of scripts/test.sh left in a folder. Prints `N passed, N failed`; exits 1 when any failed.
//
//   <name>.check     "passed" or "failed": one test
//   <name>.status    vitest's exit status, beside <name>.json, its report
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
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

function countStage(dir: string, file: string): Count {
  const text = readFileSync(join(dir, file), 'utf8').trim();
  if (file.endsWith('.check')) return text === 'passed' ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const report = join(dir, file.replace(/\.status$/, '.json'));
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  return countReport(JSON.parse(readFileSync(report, 'utf8')) as Report, Number(text));
}

if (import.meta.main) {
  const dir = process.argv[2] ?? '.';
  const stages = readdirSync(dir).filter((file) => !file.endsWith('.json'));
  const counts = stages.map((file) => countStage(dir, file));
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  for (const [index, file] of stages.entries()) {
    const bad = counts[index]?.failed ?? 0;
    if (bad > 0) console.log(`${file.replace(/\.\w+$/, '')}: ${bad} failed`);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}
