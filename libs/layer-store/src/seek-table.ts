/** Of the zstd seekable format 0.1.0: `contrib/seekable_format/zstd_seekable_compression_format.md` in zstd's sources. */
const SKIPPABLE_MAGIC = 0x184d2a5e;
const FOOTER_MAGIC = 0x8f92eab1;
const HEADER_BYTES = 8;
const ENTRY_BYTES = 8;
const FOOTER_BYTES = 9;

export interface SeekEntry {
  readonly compressedBytes: number;
  readonly plainBytes: number;
}

export const seekTableBytes = (frames: number): number => HEADER_BYTES + frames * ENTRY_BYTES + FOOTER_BYTES;

/** The skippable frame that closes an object: without per-frame checksums, since each zstd frame carries its own. */
export function encodeSeekTable(entries: readonly SeekEntry[]): Buffer {
  const table = Buffer.alloc(seekTableBytes(entries.length));
  table.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  table.writeUInt32LE(table.length - HEADER_BYTES, 4);
  let at = HEADER_BYTES;
  for (const { compressedBytes, plainBytes } of entries) {
    table.writeUInt32LE(compressedBytes, at);
    table.writeUInt32LE(plainBytes, at + 4);
    at += ENTRY_BYTES;
  }
  table.writeUInt32LE(entries.length, at);
  // The descriptor byte stays 0: no checksums.
  table.writeUInt32LE(FOOTER_MAGIC, at + 5);
  return table;
}

/** @returns `null`: the bytes are not exactly one seek table of ours */
export function decodeSeekTable(table: Buffer): SeekEntry[] | null {
  if (table.length < seekTableBytes(0)) return null;
  const footer = table.length - FOOTER_BYTES;
  const frames = table.readUInt32LE(footer);
  const ours =
    table.readUInt32LE(0) === SKIPPABLE_MAGIC &&
    table.readUInt32LE(4) === table.length - HEADER_BYTES &&
    table.readUInt8(footer + 4) === 0 &&
    table.readUInt32LE(footer + 5) === FOOTER_MAGIC &&
    table.length === seekTableBytes(frames);
  if (!ours) return null;
  return Array.from({ length: frames }, (_, i) => ({
    compressedBytes: table.readUInt32LE(HEADER_BYTES + i * ENTRY_BYTES),
    plainBytes: table.readUInt32LE(HEADER_BYTES + i * ENTRY_BYTES + 4),
  }));
}
