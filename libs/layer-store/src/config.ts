import { z } from 'zod';

/** How layers are packed and sent; none of it has to be the same for those who read them. */
export const LayerStoreConfig = z.object({
  /** Of zstd. On a line below 5 Gbit/s level 1 costs less than the bytes that it saves. */
  compressionLevel: z.int().min(1).max(19).default(1),
  /** Of a multipart upload's parts, unless the store needs larger ones to hold the layer. */
  partBytes: z
    .int()
    .min(2 ** 20)
    .default(8 * 2 ** 20),
  /** Sent at once, for one layer. */
  partsInFlight: z.int().min(1).max(32).default(3),
  /** For the parts of one upload; lowers the number in flight when parts are large. */
  memoryBytes: z
    .int()
    .min(2 ** 20)
    .default(96 * 2 ** 20),
});
export type LayerStoreConfig = z.infer<typeof LayerStoreConfig>;
