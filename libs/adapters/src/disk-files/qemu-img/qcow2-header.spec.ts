import { describe, expect, it } from 'vitest';
import { DiskUnsupportedError } from '@varve/core';
import { parseQcow2Header } from './qcow2-header.js';

const MIB = 2 ** 20;

/** A header as `qemu-img create -o compat=1.1` writes it, then spoilt. */
function header(spoil: (head: Buffer) => void = () => {}): Buffer {
  const head = Buffer.alloc(65_536);
  const backing = '/instances/i/layers/f/base';
  head.writeUInt32BE(0x514649fb, 0);
  head.writeUInt32BE(3, 4);
  head.writeBigUInt64BE(528n, 8);
  head.writeUInt32BE(backing.length, 16);
  head.writeUInt32BE(16, 20);
  head.writeBigUInt64BE(BigInt(64 * MIB), 24);
  head.writeUInt32BE(1, 36);
  head.writeUInt32BE(112, 100);
  head.writeUInt32BE(0xe2792aca, 112);
  head.writeUInt32BE(5, 116);
  head.write('qcow2', 120);
  head.write(backing, 528);
  spoil(head);
  return head;
}

const codeOf = (head: Buffer): string => {
  try {
    parseQcow2Header(head);
  } catch (error) {
    if (error instanceof DiskUnsupportedError) return error.code;
    throw error;
  }
  return 'accepted';
};

describe('the header of a qcow2 file', () => {
  it('says size, clusters and backing file', () => {
    expect(parseQcow2Header(header())).toEqual({
      version: 3,
      virtualSizeBytes: 64 * MIB,
      clusterBytes: 65_536,
      extendedL2: false,
      backing: { path: '/instances/i/layers/f/base', format: 'qcow2' },
    });
  });

  it('may leave the format of the backing file open, which is for the caller to refuse', () => {
    const head = header((h) => h.writeUInt32BE(0, 112));
    expect(parseQcow2Header(head).backing).toMatchObject({ format: null });
  });

  it('may be of the older version, without a backing file, with extended L2 entries', () => {
    const old = header((h) => {
      h.writeUInt32BE(2, 4);
      h.writeBigUInt64BE(0n, 8);
      h.writeBigUInt64BE(0n, 72);
      h.fill(0, 100, 200);
    });
    expect(parseQcow2Header(old)).toMatchObject({ version: 2, backing: null });
    expect(parseQcow2Header(header((h) => h.writeBigUInt64BE(16n, 72))).extendedL2).toBe(true);
  });

  it.each<[string, string, (head: Buffer) => void]>([
    ['another magic', 'disk_not_qcow2', (h) => h.writeUInt32BE(0, 0)],
    ['version 4', 'disk_corrupt', (h) => h.writeUInt32BE(4, 4)],
    ['clusters of 2^40 bytes', 'disk_corrupt', (h) => h.writeUInt32BE(40, 20)],
    ['a size of 2^62 bytes', 'disk_corrupt', (h) => h.writeBigUInt64BE(2n ** 62n, 24)],
    ['the old encryption', 'disk_encrypted', (h) => h.writeUInt32BE(1, 32)],
    ['LUKS', 'disk_encrypted', (h) => h.writeUInt32BE(0x0537be77, 112)],
    ['an L1 table of 2^31 entries', 'disk_corrupt', (h) => h.writeUInt32BE(2 ** 31, 36)],
    ['internal snapshots', 'disk_has_internal_snapshots', (h) => h.writeUInt32BE(1, 60)],
    ['the corrupt bit', 'disk_corrupt', (h) => h.writeBigUInt64BE(2n, 72)],
    ['the data file bit', 'disk_has_data_file', (h) => h.writeBigUInt64BE(4n, 72)],
    ['the name of a data file', 'disk_has_data_file', (h) => h.writeUInt32BE(0x44415441, 112)],
    ['a feature of the future', 'disk_corrupt', (h) => h.writeBigUInt64BE(32n, 72)],
    ['a header longer than a cluster', 'disk_corrupt', (h) => h.writeUInt32BE(70_000, 100)],
    ['a backing file name of 64 KiB', 'disk_corrupt', (h) => h.writeUInt32BE(65_535, 16)],
    ['a backing file name outside', 'disk_corrupt', (h) => h.writeBigUInt64BE(2n ** 63n, 8)],
    ['a backing file name without a length', 'disk_corrupt', (h) => h.writeUInt32BE(0, 16)],
    ['an extension that runs over the end', 'disk_corrupt', (h) => h.writeUInt32BE(2 ** 30, 116)],
  ])('is refused with %s', (_, code, spoil) => {
    expect(codeOf(header(spoil))).toBe(code);
  });

  it.each([0, 4, 71, 103])('is refused when only %i bytes of it are there', (length) => {
    expect(codeOf(header().subarray(0, length))).not.toBe('accepted');
  });

  it('is accepted with the dirty bit, which a running QEMU may have set', () => {
    expect(codeOf(header((h) => h.writeBigUInt64BE(1n, 72)))).toBe('accepted');
  });
});
