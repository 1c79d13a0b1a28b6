// Bytes in the object store for each byte that the guest changed. Its blocks are random bytes, so that compression
// does not flatter.
import { Client } from 'minio';
import type { Bench, BenchCluster } from './bench.ts';
import { bytesChangedBy } from './disk-change.ts';
import { Instance } from './instance.ts';
import type { AmplificationResult } from './results.ts';
import { rounded } from './stats.ts';

export async function measureAmplification(
  bench: Bench,
  { cluster, bucket }: BenchCluster,
): Promise<AmplificationResult> {
  const client = new Client({ ...bench.services.s3 });
  const instance = await Instance.boot(bench, cluster, { name: 'amplification' });
  const { guest } = instance;
  const measure = async (write: () => Promise<unknown>): Promise<{ changed: number; uploaded: number }> => {
    await instance.snapshot();
    const changed = await bytesChangedBy(guest.files.disk, cluster.root, async () => {
      await write();
    });
    const held = await bytesIn(client, bucket);
    await instance.snapshot();
    return { changed, uploaded: (await bytesIn(client, bucket)) - held };
  };

  const random = await measure(() => guest.write(bench.pick(4096, 1024)));
  // Its whole area, also as the large layer that shows what memory the worker takes.
  const sequential = await measure(() => guest.ask(`fill 0 ${bench.pick(65_536, 8192)}`, 120_000));
  await guest.powerOff();
  return {
    random4k: rounded(random.uploaded / random.changed),
    sequential: rounded(sequential.uploaded / sequential.changed),
    random4kChangedBytes: random.changed,
    random4kUploadedBytes: random.uploaded,
    sequentialChangedBytes: sequential.changed,
    sequentialUploadedBytes: sequential.uploaded,
  };
}

/** Of all objects, manifests among them. */
async function bytesIn(client: Client, bucket: string): Promise<number> {
  let bytes = 0;
  for await (const object of client.listObjectsV2(bucket, '', true) as AsyncIterable<{ size?: number }>) {
    bytes += object.size ?? 0;
  }
  return bytes;
}
