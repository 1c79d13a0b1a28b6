import { describe, expect, it } from 'vitest';
import { decodeSeekTable, encodeSeekTable, seekTableBytes } from './seek-table.js';

describe('the seek table', () => {
  it('is as the format says, byte for byte', () => {
    const table = encodeSeekTable([
      { compressedBytes: 0x0102, plainBytes: 0x100000 },
      { compressedBytes: 3, plainBytes: 4 },
    ]);
    expect(table.toString('hex')).toBe(
      ['5e2a4d18', '19000000', '02010000', '00001000', '03000000', '04000000', '02000000', '00', 'b1ea928f'].join(''),
    );
  });

  it.each([0, 1, 1000])('of %i frames can be read back', (frames) => {
    const entries = Array.from({ length: frames }, (_, i) => ({ compressedBytes: i + 1, plainBytes: 2 ** 20 }));
    const table = encodeSeekTable(entries);
    expect(table).toHaveLength(seekTableBytes(frames));
    expect(decodeSeekTable(table)).toEqual(entries);
  });

  it('is not found where it is damaged', () => {
    const table = encodeSeekTable([{ compressedBytes: 10, plainBytes: 20 }]);
    expect(decodeSeekTable(table.subarray(1))).toBeNull();
    expect(decodeSeekTable(table.subarray(0, -1))).toBeNull();
    expect(decodeSeekTable(Buffer.alloc(0))).toBeNull();
    for (const at of [0, 4, table.length - 9, table.length - 5, table.length - 1]) {
      const damaged = Buffer.from(table);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at);
      expect(decodeSeekTable(damaged)).toBeNull();
    }
  });
});
