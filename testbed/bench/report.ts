// The results for people, beside what was aimed at.
import type { Machine, MergeCost, Results, RollbackCost, Speed } from './results.ts';
import { MIB } from './stats.ts';

export interface Aim {
  readonly name: string;
  readonly aim: string;
  readonly met: boolean;
}

interface Row {
  readonly what: string;
  readonly value: string;
  readonly aim?: Aim;
}

/** What a rollback's downtime may differ by between fetching nothing and fetching much: a boot's own scatter. */
const DOWNTIME_SCATTER = { seconds: 0.5, share: 0.25 };

/** More than what is left of a build right before. */
const BUSY_LOAD = 1.5;

export function aimsOf(results: Results): Aim[] {
  return sections(results).flatMap(({ rows }) => rows.flatMap((row) => row.aim ?? []));
}

export function table(machine: Machine, results: Results): string {
  const head =
    `Varve bench${machine.quick ? ', shortened' : ''}: ${machine.cores} cores, Node ${machine.node}, QEMU ${machine.qemu}, ` +
    `load average ${machine.loadAverage.toFixed(1)} before`;
  const busy =
    machine.loadAverage > BUSY_LOAD ? ['The machine was busy with something else: these numbers say little.'] : [];
  const all = sections(results);
  const wide = Math.max(...all.flatMap(({ rows }) => rows.map((row) => row.what.length)));
  const value = Math.max(...all.flatMap(({ rows }) => rows.map((row) => row.value.length)));
  const line = ({ what, value: text, aim }: Row): string =>
    `  ${what.padEnd(wide)}  ${text.padStart(value)}${aim ? `   aim ${aim.aim}: ${aim.met ? 'ok' : 'MISSED'}` : ''}`;
  return [head, ...busy, ...all.flatMap(({ title, rows }) => ['', title, ...rows.map(line)]), ''].join('\n');
}

function sections(results: Results): { title: string; rows: Row[] }[] {
  return [
    { title: 'Switch: slowest write with its flush in a window of 0.4 s', rows: switchRows(results) },
    { title: 'Amplification: bytes stored for each byte that the guest changed', rows: amplificationRows(results) },
    { title: 'Upload: MB/s of a layer file, and of the same file without us', rows: uploadRows(results) },
    { title: 'Merge: bytes moved by system calls of QEMU, worker and tools', rows: mergeRows(results) },
    { title: 'Rollback: from the state of the newest', rows: rollbackRows(results) },
  ].filter(({ rows }) => rows.length > 0);
}

const ms = (value: number): string => `${value.toFixed(2)} ms`;
const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
const aim = (name: string, text: string, met: boolean): { aim: Aim } => ({ aim: { name, aim: text, met } });

function switchRows({ switch: it }: Results): Row[] {
  if (!it) return [];
  return [
    { what: 'without a switch, median / worst', value: `${ms(it.withoutMsMedian)} / ${ms(it.withoutMsMax)}` },
    {
      what: `with a switch (${it.switches}), median / worst`,
      value: `${ms(it.withMsMedian)} / ${ms(it.withMsMax)}`,
    },
    {
      what: 'added by the switch, median / worst',
      value: `${ms(it.addedMsMedian)} / ${ms(it.addedMsMax)}`,
      ...aim('switch.addedMsMedian', 'median < 10 ms', it.addedMsMedian < 10),
    },
    { what: 'added by upload and merge after it, median', value: ms(it.afterAddedMsMedian) },
    { what: 'QEMU busy switching, median / worst', value: `${ms(it.stallMsMedian)} / ${ms(it.stallMsMax)}` },
  ];
}

function amplificationRows({ amplification: it }: Results): Row[] {
  if (!it) return [];
  const row = (name: 'random4k' | 'sequential', what: string, changed: number, uploaded: number): Row => ({
    what: `${what}, ${mib(changed)} changed, ${mib(uploaded)} stored`,
    value: it[name].toFixed(3),
    ...aim(`amplification.${name}`, '<= 1.1', it[name] <= 1.1),
  });
  return [
    row('random4k', 'random 4 KiB', it.random4kChangedBytes, it.random4kUploadedBytes),
    row('sequential', 'sequential', it.sequentialChangedBytes, it.sequentialUploadedBytes),
  ];
}

function uploadRows({ upload: it }: Results): Row[] {
  if (!it) return [];
  const row = (what: string, name: string, speed: Speed, least: number): Row => ({
    what: `${what}: ours / bare`,
    value: `${speed.mbPerSecond.toFixed(0)} / ${speed.bareMbPerSecond.toFixed(0)} = ${speed.ratioToBare.toFixed(2)}`,
    ...aim(
      `upload.${name}.ratioToBare`,
      least === 1 ? 'above 1' : `>= ${least}`,
      least === 1 ? speed.ratioToBare > 1 : speed.ratioToBare >= least,
    ),
  });
  return [
    row('filesystem, random bytes', 'filesystem', it.filesystem, 0.85),
    row('filesystem, a Linux system', 'filesystem.compressible', it.filesystem.compressible, 1),
    row('s3 (Swift), random bytes', 's3', it.s3, 0.85),
    row('s3 (Swift), a Linux system', 's3.compressible', it.s3.compressible, 1),
    {
      what: `worker's memory at most, storing ${mib(it.peakRssLayerBytes)}`,
      value: `${it.peakRssMiB.toFixed(0)} MiB`,
      ...aim('upload.peakRssMiB', '<= 256 MiB', it.peakRssMiB <= 256),
    },
  ];
}

function mergeRows({ merge: it }: Results): Row[] {
  if (!it) return [];
  const row = (what: string, cost: MergeCost): Row => ({
    what,
    value: `${cost.seconds.toFixed(2)} s, ${mib(cost.bytesRead)} read, ${mib(cost.bytesWritten)} written`,
  });
  const sizes = `${mib(it.sealedBytes)} into ${mib(it.historyBytes)}`;
  return [
    row(`in-place, ${sizes}`, it['in-place']),
    row('copy, without reflink', it.copy),
    row('copy, with reflink', it['copy-reflink']),
  ];
}

function rollbackRows({ rollback: it }: Results): Row[] {
  if (!it) return [];
  const costs = [it.newest, it.middle, it.first].map((cost) => cost.downtimeSeconds);
  const spread = Math.max(...costs) - Math.min(...costs);
  const even = spread <= Math.max(DOWNTIME_SCATTER.seconds, DOWNTIME_SCATTER.share * Math.min(...costs));
  const row = (what: string, cost: RollbackCost): Row => ({
    what,
    value: `${cost.seconds.toFixed(1)} s, ${mib(cost.bytesFetched)} fetched, ${cost.downtimeSeconds.toFixed(2)} s down`,
  });
  return [
    {
      ...row(`to the newest of ${it.layers}`, it.newest),
      ...aim('rollback.newest.bytesFetched', 'nothing fetched', it.newest.bytesFetched === 0),
    },
    row('to the middle', it.middle),
    {
      ...row('to the first', it.first),
      ...aim('rollback.downtimeSeconds', 'down equally long whatever is fetched', even),
    },
  ];
}
