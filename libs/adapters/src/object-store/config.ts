import { z } from 'zod';

/** A folder, on a disk of this host or on a mounted file server. */
export const FilesystemStoreConfig = z.object({
  kind: z.literal('filesystem'),
  /** Absolute. It has to be there: one that is missing counts as a file server that is away. */
  root: z.string().startsWith('/'),
  /**
   * `root` has to be where a file system is mounted. Set it for a file server: an empty mount point would otherwise
   * pass for an empty store.
   */
  mountRequired: z.boolean().default(false),
});
export type FilesystemStoreConfig = z.infer<typeof FilesystemStoreConfig>;

/** Anything that speaks S3: Ceph RGW, Swift's s3api, MinIO and its forks, AWS. */
export const S3StoreConfig = z.object({
  kind: z.literal('s3'),
  /** e.g. `https://rgw.example.org:8080`; no path. */
  endpoint: z.url({ protocol: /^https?$/ }),
  /** It has to be there already. */
  bucket: z.string().min(3).max(63),
  region: z.string().min(1).default('us-east-1'),
  accessKey: z.string().min(1),
  secretKey: z.string().min(1),
  /** `https://host/bucket/key` instead of `https://bucket.host/key`: what most stores but AWS expect. */
  pathStyle: z.boolean().default(true),
  /** How long the store may say nothing at all, and how long a small request may take. */
  deadlineMs: z.number().int().min(100).default(30_000),
  /** Tries of one request before the store counts as away. */
  attempts: z.number().int().min(1).max(20).default(4),
  /**
   * The most parts of one object. Swift's s3api allows 1000 unless told otherwise, Ceph and AWS 10 000. It sets the
   * size of the parts of large layers, and with it the memory that an upload takes.
   */
  maxParts: z.number().int().min(1).max(10_000).default(1000),
  /** A certificate authority beside the system's, as PEM text. */
  caCertificate: z.string().optional(),
});
export type S3StoreConfig = z.infer<typeof S3StoreConfig>;

export const ObjectStoreConfig = z.discriminatedUnion('kind', [FilesystemStoreConfig, S3StoreConfig]);
export type ObjectStoreConfig = z.infer<typeof ObjectStoreConfig>;
