import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { ObjectCorruptError } from '@varve/core';
import type { Frame, LayerManifest } from '@varve/core';

const decompress = promisify(zstdDecompress);

/** Of the plain file, that each frame holds; only the last one of a file may hold less. */
export const FRAME_BYTES = 2 ** 20;
/** What zstd makes of a frame in the worst case (`ZSTD_compressBound`), and a little. */
export const FRAME_BYTES_AT_MOST = FRAME_BYTES + (FRAME_BYTES >> 8) + 64;

/** Only compared with and given out: nobody writes to it. */
export const ZEROS = Buffer.alloc(FRAME_BYTES);
/** How a whole frame of zeros is recognised in a manifest. */
export const ZEROS_SHA256 = hash('sha256', ZEROS);

/** How many bytes of the plain file the frame holds. */
export const plainBytesOf = (manifest: LayerManifest, frame: number): number =>
  Math.min(manifest.frameBytes, manifest.fileBytes - frame * manifest.frameBytes);

/**
 * The plain bytes of a frame, once they are known to be the ones that were stored.
 *
 * @throws {ObjectCorruptError}
 */
export async function decompressFrame(
  manifest: LayerManifest,
  index: number,
  frame: Frame,
  stored: Buffer,
): Promise<Buffer> {
  const length = plainBytesOf(manifest, index);
  const damaged = (what: string, cause?: unknown): ObjectCorruptError => {
    const error = new ObjectCorruptError(manifest.objectKey, `frame ${index} ${what}`);
    if (cause !== undefined) error.cause = cause;
    return error;
  };
  const plain = await decompress(stored, { chunkSize: length + 64, maxOutputLength: length }).catch(
    (cause: unknown) => {
      throw damaged('can’t be decompressed', cause);
    },
  );
  if (plain.length !== length) throw damaged(`has ${plain.length} plain bytes instead of ${length}`);
  if (hash('sha256', plain) !== frame.sha256) throw damaged('has other bytes than were stored');
  return plain;
}
