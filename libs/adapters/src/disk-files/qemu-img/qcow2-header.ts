import { open } from 'node:fs/promises';
import { DiskUnsupportedError } from '@varve/core';

/** What a qcow2 file says of itself, before any tool opens it. */
export interface Qcow2Header {
  readonly version: number;
  readonly virtualSizeBytes: number;
  readonly clusterBytes: number;
  readonly extendedL2: boolean;
  /** Exactly as it stands in the file. `format` is `null` where the file leaves it to be guessed. */
  readonly backing: { readonly path: string; readonly format: string | null } | null;
}

const MAGIC = 0x514649fb;
const HEAD_BYTES = 65_536;
const INCOMPATIBLE = { dirty: 1n, corrupt: 2n, dataFile: 4n, compression: 8n, extendedL2: 16n };
const KNOWN = 31n;
const EXTENSION = { end: 0, backingFormat: 0xe2792aca, dataFile: 0x44415441, crypto: 0x0537be77 };

/**
 * Reads the header of a file that is said to be qcow2.
 *
 * @throws {DiskUnsupportedError} it isn't, or it is of a kind that we don't take
 */
export async function readQcow2Header(path: string): Promise<Qcow2Header> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    const { bytesRead } = await handle.read(head, 0, HEAD_BYTES, 0);
    return parseQcow2Header(head.subarray(0, bytesRead));
  } finally {
    await handle.close();
  }
}

/**
 * The rules are QEMU's own for what it will open, and ours for what we can stack on: one file that is wholly described
 * by its own clusters and its backing file.
 *
 * @param head - the first 64 KiB, or the whole file if it is shorter
 */
export function parseQcow2Header(head: Buffer): Qcow2Header {
  if (head.length < 72 || head.readUInt32BE(0) !== MAGIC) {
    throw new DiskUnsupportedError('disk_not_qcow2', 'The system disk is not a qcow2 file');
  }
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw damaged(`unknown version ${version}`);
  if (version === 3 && head.length < 104) throw damaged('the header is cut off');

  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw damaged(`cluster size of 2^${clusterBits} bytes`);
  const clusterBytes = 2 ** clusterBits;
  const virtualSize = head.readBigUInt64BE(24);
  if (virtualSize > 2n ** 52n) throw damaged(`virtual size of ${virtualSize} bytes`);

  if (head.readUInt32BE(32) !== 0) {
    throw new DiskUnsupportedError('disk_encrypted', 'The system disk is encrypted by QEMU');
  }
  const features = version === 3 ? head.readBigUInt64BE(72) : 0n;
  checkFeatures(features);
  if (head.readUInt32BE(60) !== 0) {
    throw new DiskUnsupportedError(
      'disk_has_internal_snapshots',
      'The system disk has internal snapshots, which would be lost in a layered one: delete them first',
    );
  }
  const extendedL2 = (features & INCOMPATIBLE.extendedL2) !== 0n;
  const l1Entries = head.readUInt32BE(36);
  // One L2 table maps a cluster full of entries; an L1 table that is much longer than the disk needs is an attack.
  const l2Covers = (clusterBytes / (extendedL2 ? 16 : 8)) * clusterBytes;
  if (l1Entries > Math.ceil(Number(virtualSize) / l2Covers) + 4_194_304 / 8) throw damaged('the L1 table is too long');

  const headerLength = version === 3 ? head.readUInt32BE(100) : 72;
  if (headerLength < (version === 3 ? 104 : 72) || headerLength > Math.min(clusterBytes, head.length)) {
    throw damaged(`a header of ${headerLength} bytes`);
  }
  const format = readBackingFormat(head, headerLength, clusterBytes);
  const path = readBackingPath(head, clusterBytes);
  return {
    version,
    virtualSizeBytes: Number(virtualSize),
    clusterBytes,
    extendedL2,
    backing: path === null ? null : { path, format },
  };
}

function checkFeatures(features: bigint): void {
  // The dirty bit may stand: a running QEMU sets it on images with lazy refcounts.
  if ((features & INCOMPATIBLE.corrupt) !== 0n) throw damaged('QEMU has marked it as corrupt');
  if ((features & INCOMPATIBLE.dataFile) !== 0n) throw hasDataFile();
  if ((features & ~KNOWN) !== 0n) throw damaged(`incompatible features 0x${features.toString(16)}`);
}

function readBackingPath(head: Buffer, clusterBytes: number): string | null {
  const offset = head.readBigUInt64BE(8);
  const length = head.readUInt32BE(16);
  if (offset === 0n) return null;
  if (length === 0 || length > 1_023) throw damaged(`a backing file name of ${length} bytes`);
  const end = Number(offset) + length;
  if (end > clusterBytes || end > head.length) throw damaged('the backing file name lies outside the header');
  return head.toString('utf8', Number(offset), end);
}

function readBackingFormat(head: Buffer, start: number, clusterBytes: number): string | null {
  const end = Math.min(clusterBytes, head.length);
  let format: string | null = null;
  for (let at = start; at + 8 <= end;) {
    const type = head.readUInt32BE(at);
    const length = head.readUInt32BE(at + 4);
    if (type === EXTENSION.end) return format;
    if (at + 8 + length > end) throw damaged('a header extension runs over the end');
    if (type === EXTENSION.dataFile) throw hasDataFile();
    if (type === EXTENSION.crypto) {
      throw new DiskUnsupportedError('disk_encrypted', 'The system disk is encrypted by QEMU');
    }
    if (type === EXTENSION.backingFormat) format = head.toString('utf8', at + 8, at + 8 + length);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return format;
}

const damaged = (what: string) => new DiskUnsupportedError('disk_corrupt', `The system disk can't be used: ${what}`);
const hasDataFile = () =>
  new DiskUnsupportedError('disk_has_data_file', 'The system disk keeps its data in another file (external data file)');
