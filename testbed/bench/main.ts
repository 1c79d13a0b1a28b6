// Measures what Varve costs, in one run on one machine, and prints it beside what was aimed at. A missed aim is no
// failure; a wrong disk or a failed operation is.
//
//   main.ts [--json FILE] [--quick] [--only switch,amplification,upload,merge,rollback]
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { measureAmplification } from './amplification.ts';
import { Bench, type BenchCluster } from './bench.ts';
import { measureMerge } from './merge.ts';
import { peakRssMiB } from './process-io.ts';
import { aimsOf, table } from './report.ts';
import type { Machine, Results } from './results.ts';
import { measureRollback } from './rollback.ts';
import { MIB, rounded } from './stats.ts';
import { measureSwitch } from './switch.ts';
import { measureUpload } from './upload.ts';

const PARTS = ['switch', 'amplification', 'upload', 'merge', 'rollback'] as const;
type Part = (typeof PARTS)[number];

const { values } = parseArgs({
  options: { json: { type: 'string' }, quick: { type: 'boolean', default: false }, only: { type: 'string' } },
});
const wanted = (values.only?.split(',') ?? PARTS) as readonly Part[];
const unknown = wanted.find((part) => !PARTS.includes(part));
if (unknown !== undefined) throw new Error(`--only knows ${PARTS.join(', ')} and not "${unknown}"`);

const machine = machineNow(values.quick);
const begun = performance.now();
const bench = await Bench.open(values.quick);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    bench.close().then(
      () => process.exit(code),
      (error: unknown) => {
        console.error(error);
        process.exit(code);
      },
    );
  });
}

let results: Results;
try {
  results = await measure(bench, (part) => wanted.includes(part));
} finally {
  await bench.close();
}
const seconds = rounded((performance.now() - begun) / 1000, 1);
console.log(table(machine, results));
console.log(`${seconds.toFixed(0)} s in all`);
if (values.json !== undefined) {
  const file = { machine, seconds, ...results, aims: aimsOf(results) };
  writeFileSync(resolve(values.json), `${JSON.stringify(file, null, 2)}\n`);
}

async function measure(bench: Bench, wants: (part: Part) => boolean): Promise<Results> {
  const results: Results = {};
  // What needs a worker comes one after the other, with the same one: also a worker of some age must not be large.
  const usesWorker = (['switch', 'amplification', 'rollback', 'upload'] as const).some(wants);
  const shared: BenchCluster | null = usesWorker ? await bench.startCluster() : null;
  if (shared) {
    if (wants('switch')) results.switch = await timed('switch', () => measureSwitch(bench, shared));
    if (wants('amplification') || wants('upload')) {
      results.amplification = await timed('amplification', () => measureAmplification(bench, shared));
    }
    const workerMiB = peakRssMiB(shared.cluster.worker.pid ?? Number.NaN);
    if (wants('rollback')) results.rollback = await timed('rollback', () => measureRollback(bench, shared));
    await shared.cluster.close();
    if (wants('upload') && results.amplification) {
      const { speeds, peakRssMiB: processMiB } = await timed('upload', () => measureUpload(bench));
      results.upload = {
        ...speeds,
        peakRssMiB: rounded(Math.max(workerMiB, processMiB), 1),
        peakRssLayerBytes: Math.max(results.amplification.sequentialChangedBytes, speeds.fileBytes),
      };
    }
  }
  if (wants('merge')) results.merge = await timed('merge', () => measureMerge(bench));
  return results;
}

async function timed<T>(part: Part, work: () => Promise<T>): Promise<T> {
  bench.say(`measuring ${part}`);
  const begun = performance.now();
  const result = await work();
  bench.say(`${part} took ${((performance.now() - begun) / 1000).toFixed(0)} s`);
  return result;
}

function machineNow(quick: boolean): Machine {
  const version = execFileSync('qemu-img', ['--version'], { encoding: 'utf8' });
  return {
    startedAt: new Date().toISOString(),
    quick,
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / MIB),
    loadAverage: rounded(loadavg()[0] ?? Number.NaN, 2),
    node: process.versions.node,
    qemu: /\d+\.\d+\.\d+/.exec(version)?.[0] ?? 'unknown',
    kernel: release(),
  };
}
