import { describe, expect, it } from 'vitest';
import type { LayerUid, StateDigests } from '@varve/core';
import { formatDigests, parseDigests } from './state-digests-file.js';

const digests: StateDigests = {
  asOf: '6a5d8f54-4e0b-4a54-9b8f-1a2f3c4d5e6f' as LayerUid,
  baseSha256: 'ab'.repeat(32),
  virtualSizeBytes: 2 ** 30,
  pieceBytes: 65_536,
  pieces: [[3, 1]],
  sha256: Buffer.alloc(32, 9),
};

describe('the file of digests', () => {
  it('gives back what was put into it', () => {
    expect(parseDigests(formatDigests(digests))).toEqual(digests);
  });

  it.each([
    ['cut short', formatDigests(digests).slice(0, -9)],
    ['with fewer digests than pieces', formatDigests({ ...digests, pieces: [[3, 2]] })],
    ['of a later version', formatDigests(digests).replace('"version":1', '"version":2')],
    ['empty', ''],
  ])('%s is no file of digests', (_, text) => {
    expect(parseDigests(text)).toBeNull();
  });
});
