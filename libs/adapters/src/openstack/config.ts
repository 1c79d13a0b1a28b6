import { z } from 'zod';

/** How to reach Keystone, and as whom: a service user of its own, with the role `service` or `admin` in `project`. */
export const KeystoneConfig = z.object({
  /** With the version: `https://keystone.example:5000/v3` */
  url: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')),
  username: z.string().min(1),
  password: z.string().min(1),
  project: z.string().min(1),
  /** By name. */
  userDomain: z.string().min(1).default('Default'),
  projectDomain: z.string().min(1).default('Default'),
  /** Of the endpoints to use; `null`: whichever the catalogue has. */
  region: z.string().nullable().default(null),
  interface: z.enum(['public', 'internal', 'admin']).default('public'),
  /** Milliseconds for one answer. */
  timeoutMs: z.number().int().min(100).default(15_000),
});
export type KeystoneConfig = z.output<typeof KeystoneConfig>;
