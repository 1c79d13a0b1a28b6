// Whether the oracle of the end-to-end tests tells a wrong disk from a right one: a real guest's disk, broken on purpose.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  closeSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ProvingGuest } from './guest.ts';

const BLOCK = 4096;
const home = mkdtempSync('/var/tmp/varve-checker-');
const raws = { early: join(home, 'early.raw'), late: join(home, 'late.raw'), broken: join(home, 'broken.raw') };
let guest: ProvingGuest;
let early: { op: number };
let late: { op: number };

function readBlock(image: string, block: number): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const fd = openSync(image, 'r');
  readSync(fd, bytes, 0, BLOCK, block * BLOCK);
  closeSync(fd);
  return bytes;
}

/** A copy of the late image with some blocks replaced. */
function breakLate(replacements: Record<number, Buffer>): string {
  execFileSync('cp', ['--sparse=always', raws.late, raws.broken]);
  const fd = openSync(raws.broken, 'r+');
  for (const [block, bytes] of Object.entries(replacements))
    writeSync(fd, bytes, 0, bytes.length, Number(block) * BLOCK);
  closeSync(fd);
  return raws.broken;
}

const toRaw = (raw: string): Buffer =>
  execFileSync('qemu-img', ['convert', '-U', '-f', 'qcow2', '-O', 'raw', guest.files.disk, raw]);
const check = (image: string, options = {}) => guest.check(image, { format: 'raw', ...options });

beforeAll(async () => {
  guest = await ProvingGuest.create({ instances: join(home, 'instances') });
  await guest.boot();
  await guest.write(400, { span: 1000 });
  early = await guest.write(100, { start: 20_000, span: 100, order: 'seq' });
  await guest.powerOff();
  toRaw(raws.early);
  await guest.boot();
  await guest.write(400, { span: 1000, flushEvery: 50 });
  await guest.ask('zero 20000 16');
  late = await guest.write(100, { start: 20_050, span: 100, order: 'seq' });
  await guest.powerOff();
  toRaw(raws.late);
});
afterAll(async () => {
  await guest.dispose();
  rmSync(home, { recursive: true });
});

describe('a right disk', () => {
  it('is good, and named by its last operation', async () => {
    expect(await check(raws.late)).toMatchObject({ good: true, op: late.op });
  });
  it('is good as an earlier state where that is what was asked for', async () => {
    expect(await check(raws.early, { acked: early.op, upto: early.op })).toMatchObject({ good: true, op: early.op });
  });
});

describe('a wrong disk', () => {
  // Blocks 20050..20149 were written last, in order; of 20050..20099 there is an older version in the early image.
  it.each([
    ['a lost block', () => ({ 20_120: Buffer.alloc(BLOCK) })],
    ['an older version of a block', () => ({ 20_060: readBlock(raws.early, 20_060) })],
    [
      'a torn block',
      () => ({
        20_060: Buffer.concat([
          readBlock(raws.late, 20_060).subarray(0, 512),
          readBlock(raws.early, 20_060).subarray(512),
        ]),
      }),
    ],
    [
      'a single flipped bit',
      () => {
        const block = readBlock(raws.late, 20_060);
        block.writeUInt8(block.readUInt8(3000) ^ 4, 3000);
        return { 20_060: block };
      },
    ],
    ['a block in another place', () => ({ 20_061: readBlock(raws.late, 20_060) })],
    ['zeroed blocks that show their old data', () => ({ 20_003: readBlock(raws.early, 20_003) })],
    [
      'base data shining through',
      () => {
        const block = Array.from({ length: 1000 }, (_, number) => number).find(
          (number) =>
            !readBlock(guest.files.base, number).equals(Buffer.alloc(BLOCK)) &&
            !readBlock(guest.files.base, number).equals(readBlock(raws.late, number)),
        );
        if (block === undefined) throw new Error('no block of the base image was overwritten');
        return { [block]: readBlock(guest.files.base, block) };
      },
    ],
    [
      'base data missing',
      () => {
        const block = Array.from({ length: 20_000 }, (_, index) => 40_000 + index).find(
          (number) => !readBlock(guest.files.base, number).equals(Buffer.alloc(BLOCK)),
        );
        if (block === undefined) throw new Error('the base image is empty there');
        return { [block]: Buffer.alloc(BLOCK) };
      },
    ],
  ])('%s is found', async (_fault, replacements) => {
    expect(await check(breakLate(replacements()))).toMatchObject({ good: false, op: 0 });
  });

  it('is one that lacks flushed writes, though whole in itself', async () => {
    const verdict = await check(raws.early);
    expect(verdict).toMatchObject({ good: false, op: early.op });
    expect(verdict.text).toContain('lost_acked=1');
  });

  it('is one with writes from after the moment that was asked for', async () => {
    const verdict = await check(raws.late, { acked: early.op, upto: late.op - 1 });
    expect(verdict.text).toContain('future=1');
  });

  it('is one that a boot found so, without a rollback that would explain it', async () => {
    const journal = join(home, 'console.log');
    copyFileSync(guest.files.console, journal);
    const boots = readFileSync(journal, 'utf8').match(/^BOOT.*;$/gm) ?? [];
    const next = late.op + 1_000_000;
    // A boot that found the disk as the second one did, but after the writes of the second one.
    appendFileSync(journal, `${String(boots[2]).replace(/BOOT \d+/, `BOOT ${next}`)}\n`);
    const patio = guest['image'].patio;
    const ask = (): string => {
      try {
        return execFileSync(patio, ['check', '--journal', journal, '--raw', raws.early], {
          encoding: 'utf8',
          stdio: 'pipe',
        });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    expect(ask()).toContain('found=lacks_flushed');
    const text = readFileSync(guest.files.console, 'utf8');
    const announced = join(home, 'announced.log');
    appendFileSync(
      announced,
      `${text}\nR ${early.op} ${early.op};\n${String(boots[2]).replace(/BOOT \d+/, `BOOT ${next}`)}\n`,
    );
    expect(execFileSync(patio, ['check', '--journal', announced, '--raw', raws.early], { encoding: 'utf8' })).toContain(
      'GOOD',
    );
  });
});
