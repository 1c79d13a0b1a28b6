/** zstd's `ZSTD_BLOCKSIZE_MAX`. */
const BLOCK_BYTES = 128 * 1024;
const SAMPLES = 4096;
/** A frame shorter than that isn't worth a look. */
const JUDGED_BYTES = 64 * 1024;
/** Bits in each byte of about 4096 drawn from random ones are 7.955; of a Linux file system's files, 4 to 7. */
const RANDOM_BITS = 7.92;

/**
 * Whether compressing it would be in vain: encrypted or already compressed. Judged by how evenly a sample of the bytes
 * is spread over the 256 values, which costs a hundredth of the attempt. An error costs space alone.
 */
export function looksRandom(plain: Buffer): boolean {
  if (plain.length < JUDGED_BYTES) return false;
  const counts = new Uint16Array(256);
  // Odd, so that all alignments are met.
  const step = Math.floor(plain.length / SAMPLES) | 1;
  let samples = 0;
  for (let i = 0; i < plain.length; i += step, samples++) counts[plain[i] ?? 0]! += 1;
  let sum = 0;
  for (const count of counts) if (count > 1) sum += count * Math.log2(count);
  return Math.log2(samples) - sum / samples > RANDOM_BITS;
}

/**
 * A zstd frame that holds the bytes as they are, which is what zstd makes of random bytes after trying.
 *
 * @returns the frame in pieces; those with the bytes are views of `plain`
 * @see RFC 8878, sections 3.1.1.1 and 3.1.1.2
 */
export function rawFrame(plain: Buffer): Buffer[] {
  const header = Buffer.alloc(9);
  header.writeUInt32LE(0xfd2fb528, 0);
  header.writeUInt8(0b1010_0000, 4); // the content's size in 4 bytes, a single segment, no checksum
  header.writeUInt32LE(plain.length, 5);
  const pieces: Buffer[] = [header];
  for (let at = 0; at < plain.length; at += BLOCK_BYTES) {
    const block = plain.subarray(at, at + BLOCK_BYTES);
    const last = at + block.length === plain.length ? 1 : 0;
    const blockHeader = Buffer.alloc(3);
    blockHeader.writeUIntLE((block.length << 3) | last, 0, 3); // of type 0: raw
    pieces.push(blockHeader, block);
  }
  return pieces;
}
