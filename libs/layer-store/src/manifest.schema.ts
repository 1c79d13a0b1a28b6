import { hash } from 'node:crypto';
import { isProjectId, isUuid, ManifestUnusableError } from '@varve/core';
import type { Extent, Frame, InstanceId, LayerManifest, LayerUid, ProjectId } from '@varve/core';
import type { LayerRef } from '@varve/ports';
import { z } from 'zod';
import { layerKeys } from './layer-keys.js';
import { FRAME_BYTES, FRAME_BYTES_AT_MOST } from './frames.js';
import { seekTableBytes } from './seek-table.js';

const SHA256 = /^[0-9a-f]{64}$/;
const Sha256 = z.string().regex(SHA256);
const Bytes = z.int().min(0);
const Layer = z.custom<LayerUid>((value) => typeof value === 'string' && isUuid(value));

const Backing = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('layer'), uid: Layer }),
  z.object({ kind: z.literal('base'), sha256: Sha256, sizeBytes: Bytes, format: z.enum(['raw', 'qcow2']) }),
  z.object({ kind: z.literal('none') }),
]);

// By hand, since a large layer has a million of them and zod would copy each.
const isBytes = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isFrame = (value: Partial<Record<keyof Frame, unknown>> | null): boolean =>
  isBytes(value?.offset) &&
  isBytes(value.length) &&
  value.length >= 1 &&
  value.length <= FRAME_BYTES_AT_MOST &&
  typeof value.sha256 === 'string' &&
  SHA256.test(value.sha256);
const isExtent = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length === 3 &&
  isBytes(value[0]) &&
  isBytes(value[1]) &&
  value[1] >= 1 &&
  (isBytes(value[2]) || value[2] === -1);

/**
 * What a manifest must be before anything of it is used: it came over the network, and a host that was broken into
 * may have written it. Unknown fields are left out, so that later versions can add some.
 */
export const LayerManifestSchema = z
  .object({
    version: z.literal(1),
    uid: Layer,
    instanceId: z.custom<InstanceId>((value) => typeof value === 'string' && isUuid(value)),
    projectId: z.custom<ProjectId>((value) => typeof value === 'string' && isProjectId(value)),
    backing: Backing,
    objectKey: z.string(),
    objectBytes: Bytes,
    fileBytes: Bytes,
    sha256: Sha256,
    frameBytes: z.literal(FRAME_BYTES),
    frames: z.custom<readonly Frame[]>((value) => Array.isArray(value) && value.every(isFrame)),
    virtualSizeBytes: Bytes,
    clusterBytes: z
      .int()
      .min(512)
      .max(2 ** 21),
    extents: z.custom<readonly Extent[]>((value) => Array.isArray(value) && value.every(isExtent)),
    consistency: z.enum(['crash', 'filesystem']),
    sealedAt: z.iso.datetime({ offset: true }),
    tools: z.record(z.string().max(64), z.string().max(256)),
  })
  .superRefine((manifest, context) => {
    const wrong = faultOf(manifest);
    if (wrong !== null) context.addIssue({ code: 'custom', message: wrong });
  });

/** What the shape alone doesn't say. */
function faultOf(manifest: LayerManifest): string | null {
  const { projectId, instanceId, uid, frames, fileBytes, objectBytes } = manifest;
  if (manifest.objectKey !== layerKeys(projectId, instanceId, uid).objectKey) return 'its object key is another';
  if (frames.length !== Math.ceil(fileBytes / FRAME_BYTES)) return 'it has too many or too few frames';

  let at = 0;
  for (const frame of frames) {
    if (frame.offset !== at) return 'its frames do not follow each other';
    at += frame.length;
  }
  if (at + seekTableBytes(frames.length) !== objectBytes) return 'its frames do not fill the object';

  let guestEnd = 0;
  for (const [guestOffset, length, fileOffset] of manifest.extents) {
    if (guestOffset < guestEnd) return 'its extents overlap or are not sorted';
    guestEnd = guestOffset + length;
    if (guestEnd > manifest.virtualSizeBytes) return 'an extent lies outside the disk';
    if (fileOffset >= 0 && fileOffset + length > fileBytes) return 'an extent lies outside the layer file';
  }
  return null;
}

export const encodeManifest = (manifest: LayerManifest): Buffer => Buffer.from(`${JSON.stringify(manifest)}\n`);

export const manifestSha256 = (bytes: Buffer): string => hash('sha256', bytes);

/**
 * @param bytes - as they came from the store
 * @throws {ManifestUnusableError}
 */
export function decodeManifest(uid: LayerUid, bytes: Buffer): LayerManifest {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw unusable(uid, 'it is not JSON', cause);
  }
  const parsed = LayerManifestSchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw unusable(uid, issue ? [issue.path.join('.'), issue.message].filter(Boolean).join(': ') : 'it is not one');
  }
  if (parsed.data.uid !== uid) throw unusable(uid, `it is the one of ${parsed.data.uid}`);
  return parsed.data;
}

/** The manifest that the catalog knows, and no other. @throws {ManifestUnusableError} */
export function decodeKnownManifest(ref: LayerRef, bytes: Buffer): LayerManifest {
  if (manifestSha256(bytes) !== ref.manifestSha256) throw unusable(ref.uid, 'it is not the one on record');
  const manifest = decodeManifest(ref.uid, bytes);
  const { manifestKey } = layerKeys(manifest.projectId, manifest.instanceId, manifest.uid);
  if (manifestKey !== ref.manifestKey) throw unusable(ref.uid, 'it belongs under another key');
  return manifest;
}

function unusable(uid: LayerUid, what: string, cause?: unknown): ManifestUnusableError {
  const error = new ManifestUnusableError(uid, what);
  if (cause !== undefined) error.cause = cause;
  return error;
}
