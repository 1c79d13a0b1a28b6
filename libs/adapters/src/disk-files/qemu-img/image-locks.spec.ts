import { describe, expect, it } from 'vitest';
import { isInLocks, locksWriteByte } from './image-locks.js';

// As seen with QEMU 7.2 on Linux 6.18: a running instance's active layer, and a layer below it.
const PROC_LOCKS = `1: POSIX  ADVISORY  WRITE 1 fe:00:99 0 EOF
2: OFDLCK ADVISORY  READ  -1 fe:00:264 100 101
3: OFDLCK ADVISORY  READ  -1 fe:00:264 103 103
4: OFDLCK ADVISORY  READ  -1 fe:00:264 201 201
5: OFDLCK ADVISORY  READ  -1 fe:00:265 100 100
6: OFDLCK ADVISORY  READ  -1 fe:00:265 201 201
7: OFDLCK ADVISORY  READ  -1 fd:123:264 100 EOF
8: FLOCK  ADVISORY  WRITE 2 fe:00:266 0 EOF
`;
const onDevice = (major: number, minor: number, inode: number) => `${(BigInt(major) << 8n) | BigInt(minor)}:${inode}`;

describe('a lock on the "write" byte', () => {
  it.each([
    ['of the active layer', onDevice(0xfe, 0, 264), true],
    ['is missing on a layer below', onDevice(0xfe, 0, 265), false],
    ['is not one of a file by that number on another device', onDevice(0xfd, 0, 264), false],
    ['lies in a range without an end', `${(0xfdn << 8n) | 0x23n | (0x100n << 12n)}:264`, true],
    ['is not what flock takes', onDevice(0xfe, 0, 266), false],
    ['is not what another kind of lock takes', onDevice(0xfe, 0, 99), false],
    ['is missing on a file that nobody has', onDevice(0xfe, 0, 26), false],
  ])('%s', (_, inode, locked) => {
    expect(locksWriteByte(PROC_LOCKS, inode)).toBe(locked);
  });
});

describe('/proc/locks', () => {
  /** So many locks that the kernel gives them in pages. */
  const many = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `${i + 1}: OFDLCK ADVISORY  READ  -1 fe:00:${from + i} 100 101\n`).join(
      '',
    );
  const readings = (...texts: string[]) => {
    let reads = 0;
    return { read: () => Promise.resolve(texts[Math.min(reads++, texts.length - 1)] ?? ''), reads: () => reads };
  };
  const has = (inode: number) => (text: string) => locksWriteByte(text, onDevice(0xfe, 0, inode));

  it('is read again where a lock may have been left out, as others were taken away meanwhile', async () => {
    const torn = readings(many(1000, 1080) + many(1081, 1200), many(1001, 1200));
    expect(await isInLocks(has(1080), torn.read)).toBe(true);
  });

  it('has no such lock when it says the same twice, in whatever order it counts', async () => {
    const calm = readings(many(1000, 1200), many(1000, 1200), many(1000, 1300));
    expect(await isInLocks(has(1250), calm.read)).toBe(false);
    expect(calm.reads()).toBe(2);
  });

  it('is believed at once where it is short', async () => {
    const short = readings(many(1000, 1010));
    expect(await isInLocks(has(1250), short.read)).toBe(false);
    expect(short.reads()).toBe(1);
  });

  it('that is another one each time is not read for ever', async () => {
    let inode = 2000;
    const restless = () => Promise.resolve(many(++inode, inode + 200));
    expect(await isInLocks(has(1), restless)).toBe(false);
  });
});
