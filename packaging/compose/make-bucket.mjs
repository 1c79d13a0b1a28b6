// Makes the bucket of a fresh object store; nothing to do when it is there. The services themselves never do: a bucket
// that is missing is a fault that somebody should hear of.
import { Client } from 'minio';

const { VARVE_S3_ENDPOINT, VARVE_S3_REGION, VARVE_S3_BUCKET, VARVE_S3_ACCESS_KEY, VARVE_S3_SECRET_KEY } = process.env;
const { protocol, hostname, port } = new URL(VARVE_S3_ENDPOINT);
const useSSL = protocol === 'https:';
const client = new Client({
  endPoint: hostname,
  port: Number(port || (useSSL ? 443 : 80)),
  useSSL,
  region: VARVE_S3_REGION,
  accessKey: VARVE_S3_ACCESS_KEY,
  secretKey: VARVE_S3_SECRET_KEY,
});

if (await client.bucketExists(VARVE_S3_BUCKET)) {
  console.log(`bucket ${VARVE_S3_BUCKET} is there`);
} else {
  await client.makeBucket(VARVE_S3_BUCKET, VARVE_S3_REGION);
  console.log(`made bucket ${VARVE_S3_BUCKET}`);
}
