import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { freshBucket } from '../../../testbed/services/shared.ts';
import { ROOT } from './built.js';

const run = promisify(execFile);

it('makes the bucket of a fresh store, and leaves one that is there alone', async () => {
  const s3 = await freshBucket();
  const makeBucket = async (bucket: string): Promise<string> => {
    const env = {
      VARVE_S3_ENDPOINT: `http://${s3.endPoint}:${s3.port}`,
      VARVE_S3_REGION: s3.region,
      VARVE_S3_BUCKET: bucket,
      VARVE_S3_ACCESS_KEY: s3.accessKey,
      VARVE_S3_SECRET_KEY: s3.secretKey,
    };
    return (await run(process.execPath, [join(ROOT, 'packaging/compose/make-bucket.mjs')], { env })).stdout;
  };
  expect(await makeBucket(s3.bucket)).toBe(`bucket ${s3.bucket} is there\n`);
  expect(await makeBucket(`${s3.bucket}-new`)).toBe(`made bucket ${s3.bucket}-new\n`);
  expect(await makeBucket(`${s3.bucket}-new`)).toBe(`bucket ${s3.bucket}-new is there\n`);
});
