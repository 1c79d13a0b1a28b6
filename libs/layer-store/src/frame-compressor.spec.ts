import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { zstdDecompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { FrameCompressor } from './frame-compressor.js';
import { FRAME_BYTES, FRAME_BYTES_AT_MOST, ZEROS } from './frames.js';

// Node itself: 100 MB of code, tables and text.
const real = readFileSync(process.execPath).subarray(0, 24 * FRAME_BYTES);
const frames = Array.from({ length: 24 }, (_, i) => real.subarray(i * FRAME_BYTES, (i + 1) * FRAME_BYTES));

describe('the frame compressor', () => {
  const made: FrameCompressor[] = [];
  const compressor = (level = 1): { compress: (plain: Buffer) => Promise<Buffer> } => {
    const one = new FrameCompressor(level);
    made.push(one);
    return { compress: async (plain: Buffer) => Buffer.concat(await one.compress(plain)) };
  };
  afterEach(() => made.splice(0).forEach((one) => one.close()));

  it('makes frames that can be decompressed alone', async () => {
    const one = compressor();
    for (const plain of [...frames.slice(0, 3), ZEROS, randomBytes(FRAME_BYTES), Buffer.from('x'), Buffer.alloc(777)]) {
      const frame = await one.compress(plain);
      expect(frame.length).toBeLessThanOrEqual(FRAME_BYTES_AT_MOST);
      expect(zstdDecompressSync(frame).equals(plain)).toBe(true);
      // The frame says how much it holds (single segment, so no window): tools can make room for it.
      expect(frame.readUInt8(4) & 0b0010_0000).toBeTruthy();
    }
  });

  it('makes the same of the same bytes, whatever came before and however many at once', async () => {
    const alone: Buffer[] = [];
    for (const frame of frames) alone.push(await compressor().compress(frame));
    const one = compressor();
    const together = await Promise.all(frames.toReversed().map((frame) => one.compress(frame)));
    const again: Buffer[] = [];
    for (const frame of frames) again.push(await one.compress(frame));
    for (const [i, frame] of alone.entries()) {
      expect(together[frames.length - 1 - i]?.equals(frame)).toBe(true);
      expect(again[i]?.equals(frame)).toBe(true);
    }
  });

  it('compresses more at a higher level', async () => {
    const [plain = ZEROS] = frames;
    const fast = await compressor(1).compress(plain);
    expect((await compressor(9).compress(plain)).length).toBeLessThan(fast.length);
  });
});
