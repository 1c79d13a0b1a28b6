import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync, zstdDecompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES, FRAME_BYTES_AT_MOST } from './frames.js';
import { looksRandom, rawFrame } from './raw-frame.js';

describe('a frame that is stored as it is', () => {
  it.each([1, 131_072, 131_073, 700_001, FRAME_BYTES])('of %i bytes is one that zstd reads', (length) => {
    const plain = randomBytes(length);
    const frame = Buffer.concat(rawFrame(plain));
    expect(zstdDecompressSync(frame).equals(plain)).toBe(true);
    expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_AT_MOST);
  });
});

describe('what looks random', () => {
  const half = (bytes: Buffer, rest: number): Buffer =>
    Buffer.concat([bytes.subarray(0, FRAME_BYTES / 2), Buffer.alloc(FRAME_BYTES / 2, rest)]);
  const program = readFileSync(process.execPath).subarray(0, 40 * FRAME_BYTES);
  const text = Buffer.from(Array.from({ length: 200_000 }, (_, i) => `line ${i * 7919}\n`).join('')).subarray(
    0,
    FRAME_BYTES,
  );

  it.each([
    ['random bytes', randomBytes(FRAME_BYTES), true],
    ['compressed bytes', gzipSync(program).subarray(2 * FRAME_BYTES, 3 * FRAME_BYTES), true],
    ['zeros', Buffer.alloc(FRAME_BYTES), false],
    ['a program', program.subarray(30 * FRAME_BYTES, 31 * FRAME_BYTES), false],
    ['text', text, false],
    ['text in base64', Buffer.from(randomBytes(FRAME_BYTES).toString('base64').slice(0, FRAME_BYTES)), false],
    ['half random, half zeros', half(randomBytes(FRAME_BYTES), 0), false],
    ['random with a tenth of zeros', Buffer.concat([randomBytes(900_000), Buffer.alloc(100_000)]), false],
    ['too little to judge', randomBytes(1000), false],
  ])('%s', (_, plain, random) => {
    expect(looksRandom(plain)).toBe(random);
  });

  it('is told of random bytes every time', () => {
    for (let i = 0; i < 50; i++) expect(looksRandom(randomBytes(FRAME_BYTES))).toBe(true);
  });
});
