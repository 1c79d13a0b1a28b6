import { DIGEST_BYTES, isUuid } from '@varve/core';
import type { LayerUid, StateDigests } from '@varve/core';
import { z } from 'zod';

const count = z.number().int().nonnegative();

const DigestsFile = z
  .object({
    version: z.literal(1),
    asOf: z.string().refine(isUuid),
    baseSha256: z.string().nullable(),
    virtualSizeBytes: count,
    pieceBytes: count.min(512),
    pieces: z.array(z.tuple([count, count])),
    sha256: z.base64().transform((text) => Buffer.from(text, 'base64')),
  })
  .refine(({ pieces, sha256 }) => pieces.reduce((sum, [, n]) => sum + n, 0) * DIGEST_BYTES === sha256.length);

export const formatDigests = ({ sha256, ...digests }: StateDigests): string =>
  JSON.stringify({ version: 1, ...digests, sha256: sha256.toString('base64') });

/** @returns `null`: not written by us, or by a later version; without it everything is uploaded, and nothing is lost */
export function parseDigests(text: string): StateDigests | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const parsed = DigestsFile.safeParse(json);
  if (!parsed.success) return null;
  const { version: _, asOf, ...digests } = parsed.data;
  return { asOf: asOf as LayerUid, ...digests };
}
