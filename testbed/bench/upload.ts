// How fast a layer's file gets into a store, against the same file without us, in turns.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { ObjectStoreConfig } from '../../libs/adapters/src/object-store/config.ts';
import type { Bench } from './bench.ts';
import type { Speed, UploadResult } from './results.ts';
import { median, MIB, rounded } from './stats.ts';
import type { UploadAnswer, UploadJob } from './upload/job.ts';

const run = promisify(execFile);
const PROCESS = resolve(import.meta.dirname, 'upload/process.ts');
/** The process runs the product's sources as they are. */
const HOOKS = resolve(import.meta.dirname, '../../libs/adapters/src/hypervisor/testing/ts-hooks.mjs');

export interface UploadSpeeds {
  readonly speeds: Pick<UploadResult, 'filesystem' | 's3' | 'fileBytes'>;
  readonly peakRssMiB: number;
}

export async function measureUpload(bench: Bench): Promise<UploadSpeeds> {
  const dir = join(bench.root, 'upload');
  const folder = join(dir, 'store');
  mkdirSync(folder, { recursive: true });
  const files = {
    warmUp: await randomFile(join(dir, 'warm-up'), 16 * MIB),
    random: await randomFile(join(dir, 'random'), bench.pick(256, 64) * MIB),
    linux: await linuxFile(join(dir, 'linux'), bench.pick(256, 64) * MIB),
  };
  const { s3 } = await bench.freshStore('upload');
  const { endPoint, port, bucket, region, accessKey, secretKey } = s3;
  const stores: Record<'filesystem' | 's3', ObjectStoreConfig> = {
    filesystem: { kind: 'filesystem', root: folder, mountRequired: false },
    s3: {
      kind: 's3',
      endpoint: `http://${endPoint}:${port}`,
      bucket,
      region,
      accessKey,
      secretKey,
      pathStyle: true,
      deadlineMs: 30_000,
      attempts: 4,
      maxParts: 1000,
    },
  };

  let peakRssMiB = 0;
  const speedOf = async (store: ObjectStoreConfig, file: string): Promise<Speed> => {
    const megabytes = (await stat(file)).size / 1e6;
    const rounds: { ours: number; bare: number }[] = [];
    for (let round = 0; round < bench.pick(3, 1); round++) {
      const seconds = { ours: 0, bare: 0 };
      // Each goes first as often as the other.
      for (const how of round % 2 === 0 ? (['bare', 'ours'] as const) : (['ours', 'bare'] as const)) {
        const answer = await uploadIn({ how, store, warmUp: files.warmUp, file });
        seconds[how] = answer.seconds;
        if (how === 'ours') peakRssMiB = Math.max(peakRssMiB, answer.peakRssMiB);
      }
      rounds.push(seconds);
    }
    return {
      mbPerSecond: rounded(megabytes / median(rounds.map(({ ours }) => ours)), 1),
      bareMbPerSecond: rounded(megabytes / median(rounds.map(({ bare }) => bare)), 1),
      ratioToBare: rounded(median(rounds.map(({ ours, bare }) => bare / ours))),
    };
  };
  const speedsOf = async (kind: 'filesystem' | 's3'): Promise<UploadResult['s3']> => {
    return {
      ...(await speedOf(stores[kind], files.random)),
      compressible: await speedOf(stores[kind], files.linux),
    };
  };
  const speeds = {
    filesystem: await speedsOf('filesystem'),
    s3: await speedsOf('s3'),
    fileBytes: (await stat(files.random)).size,
  };
  rmSync(dir, { recursive: true });
  return { speeds, peakRssMiB: rounded(peakRssMiB, 1) };
}

async function uploadIn(job: UploadJob): Promise<UploadAnswer> {
  await run('sync'); // what an earlier one left to be written is not this one's work
  const flags = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning', '--import', HOOKS];
  const { stdout } = await run(process.execPath, [...flags, PROCESS, JSON.stringify(job)]);
  return JSON.parse(stdout) as UploadAnswer;
}

async function randomFile(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'w');
  for (let done = 0; done < bytes; done += MIB) await file.write(randomBytes(MIB));
  await file.close();
  return path;
}

/** Programs and libraries, as a system disk is full of. */
async function linuxFile(path: string, bytes: number): Promise<string> {
  // `head` has enough at some time, and `tar` then ends in a broken pipe: as meant.
  await run('sh', ['-c', `tar -C / -cf - usr/lib 2>/dev/null | head -c ${bytes} > "$1"`, 'sh', path]);
  return path;
}
