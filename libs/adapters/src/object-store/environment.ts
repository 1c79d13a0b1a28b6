import { z } from 'zod';
import { ObjectStoreConfig } from './config.js';

/** The object store's settings, by the names of the environment variables; part of every app's that reaches it. */
export const storeEnvironment = {
  VARVE_STORE: z.enum(['filesystem', 's3']).default('filesystem'),
  VARVE_STORE_PATH: z.string().optional(),
  VARVE_STORE_MOUNT_REQUIRED: z.stringbool().default(false),
  VARVE_S3_ENDPOINT: z.string().optional(),
  VARVE_S3_REGION: z.string().default('us-east-1'),
  VARVE_S3_BUCKET: z.string().optional(),
  VARVE_S3_ACCESS_KEY: z.string().optional(),
  VARVE_S3_SECRET_KEY: z.string().optional(),
  VARVE_S3_DEADLINE_S: z.coerce.number().positive().default(30),
};
const StoreEnvironment = z.object(storeEnvironment);

/** What the store's own schema calls a setting, and its variable. */
const VARIABLES: Readonly<Record<string, keyof typeof storeEnvironment>> = {
  root: 'VARVE_STORE_PATH',
  endpoint: 'VARVE_S3_ENDPOINT',
  region: 'VARVE_S3_REGION',
  bucket: 'VARVE_S3_BUCKET',
  accessKey: 'VARVE_S3_ACCESS_KEY',
  secretKey: 'VARVE_S3_SECRET_KEY',
  deadlineMs: 'VARVE_S3_DEADLINE_S',
};

/** @throws {z.ZodError} naming the variable that the chosen kind needs and that is missing or wrong */
export function storeConfigOf(env: z.output<typeof StoreEnvironment>): ObjectStoreConfig {
  const parsed = ObjectStoreConfig.safeParse(
    env.VARVE_STORE === 'filesystem'
      ? { kind: 'filesystem', root: env.VARVE_STORE_PATH, mountRequired: env.VARVE_STORE_MOUNT_REQUIRED }
      : {
          kind: 's3',
          endpoint: env.VARVE_S3_ENDPOINT,
          region: env.VARVE_S3_REGION,
          bucket: env.VARVE_S3_BUCKET,
          accessKey: env.VARVE_S3_ACCESS_KEY,
          secretKey: env.VARVE_S3_SECRET_KEY,
          deadlineMs: env.VARVE_S3_DEADLINE_S * 1000,
        },
  );
  if (parsed.success) return parsed.data;
  const named = (path: readonly PropertyKey[]): PropertyKey[] => path.map((key) => VARIABLES[String(key)] ?? key);
  throw new z.ZodError(parsed.error.issues.map((issue) => ({ ...issue, path: named(issue.path) })));
}
