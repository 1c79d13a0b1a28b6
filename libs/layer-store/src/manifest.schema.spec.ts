import { ManifestUnusableError } from '@varve/core';
import type { InstanceId, LayerManifest, LayerUid, ProjectId } from '@varve/core';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES } from './frames.js';
import { decodeKnownManifest, decodeManifest, encodeManifest, manifestSha256 } from './manifest.schema.js';

const uid = '00000000-0000-4000-8000-000000000001' as LayerUid;
const instanceId = '00000000-0000-4000-8000-00000000000a' as InstanceId;
const sha = 'ab'.repeat(32);
const manifest: LayerManifest = {
  version: 1,
  uid,
  instanceId,
  projectId: 'project' as ProjectId,
  backing: { kind: 'none' },
  objectKey: `project/${instanceId}/layers/${uid}.qcow2.zst`,
  objectBytes: 700 + 300 + 8 + 2 * 8 + 9,
  fileBytes: FRAME_BYTES + 5,
  sha256: sha,
  frameBytes: FRAME_BYTES,
  frames: [
    { offset: 0, length: 700, sha256: sha },
    { offset: 700, length: 300, sha256: sha },
  ],
  virtualSizeBytes: 10 * FRAME_BYTES,
  clusterBytes: 65_536,
  extents: [
    [0, 4096, 65_536],
    [4096, 4096, -1],
    [9 * FRAME_BYTES, FRAME_BYTES, 5],
  ],
  consistency: 'crash',
  sealedAt: '2026-11-22T12:00:00+01:00',
  tools: { qemu: '7.2.22' },
};
const ref = {
  uid,
  manifestKey: `project/${instanceId}/layers/${uid}.json`,
  manifestSha256: manifestSha256(encodeManifest(manifest)),
};

describe('a manifest', () => {
  it('comes back as it was written', () => {
    expect(decodeManifest(uid, encodeManifest(manifest))).toEqual(manifest);
    expect(decodeKnownManifest(ref, encodeManifest(manifest))).toEqual(manifest);
  });

  it('may have fields that a later version added', () => {
    const later = { ...manifest, colour: 'blue' } as LayerManifest;
    expect(decodeManifest(uid, encodeManifest(later))).toEqual(manifest);
  });

  it.each<[string, Record<string, unknown>]>([
    ['of a version to come', { version: 2 }],
    ['of another layer', { uid: '00000000-0000-4000-8000-000000000002' }],
    ['with a project that is a path', { projectId: '..' }],
    ['with another tenant’s object', { objectKey: `other/${instanceId}/layers/${uid}.qcow2.zst` }],
    ['with an instance that is no uuid', { instanceId: 'instance' }],
    ['without a backing', { backing: undefined }],
    ['with a backing of no kind', { backing: { kind: 'file', path: '/etc/passwd' } }],
    ['with a gap between frames', { frames: [manifest.frames[0], { offset: 701, length: 299, sha256: sha }] }],
    ['with frames over each other', { frames: [manifest.frames[0], { offset: 600, length: 400, sha256: sha }] }],
    ['with a frame too few', { frames: manifest.frames.slice(1) }],
    ['with a frame that is too large', { frames: [{ offset: 0, length: 2 ** 30, sha256: sha }, manifest.frames[1]] }],
    ['with a frame without a digest', { frames: [manifest.frames[0], { offset: 700, length: 300, sha256: 'x' }] }],
    ['with frames that do not fill the object', { objectBytes: manifest.objectBytes + 1 }],
    ['with frames of another size', { frameBytes: 2 * FRAME_BYTES }],
    [
      'with extents that overlap',
      {
        extents: [
          [0, 4096, 0],
          [4095, 10, 0],
        ],
      },
    ],
    [
      'with extents out of order',
      {
        extents: [
          [8192, 4096, 0],
          [0, 4096, 0],
        ],
      },
    ],
    ['with an extent outside the disk', { extents: [[10 * FRAME_BYTES - 1, 2, 0]] }],
    ['with an extent outside the layer file', { extents: [[0, 6, FRAME_BYTES]] }],
    ['with an empty extent', { extents: [[0, 0, 0]] }],
    ['with an extent before the disk', { extents: [[-4096, 4096, 0]] }],
    ['with sizes that are no integers', { fileBytes: 1.5 }],
    ['with a size beyond what a number can count', { virtualSizeBytes: 2 ** 60 }],
    ['with a time that is none', { sealedAt: 'yesterday' }],
  ])('%s is not used', (_, wrong) => {
    const bytes = encodeManifest({ ...manifest, ...wrong });
    expect(() => decodeManifest(uid, bytes)).toThrow(ManifestUnusableError);
  });

  it('that is no JSON, or not the one on record, is not used', () => {
    expect(() => decodeManifest(uid, Buffer.from('{"version":1,'))).toThrow(ManifestUnusableError);
    expect(() => decodeManifest(uid, Buffer.from('null'))).toThrow(ManifestUnusableError);
    const other = encodeManifest({ ...manifest, consistency: 'filesystem' });
    expect(() => decodeKnownManifest(ref, other)).toThrow(ManifestUnusableError);
    const elsewhere = { ...ref, manifestKey: `other/${instanceId}/layers/${uid}.json` };
    expect(() => decodeKnownManifest(elsewhere, encodeManifest(manifest))).toThrow(ManifestUnusableError);
  });
});
