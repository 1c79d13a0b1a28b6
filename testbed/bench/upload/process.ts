// Uploads a file and says how long that took. Started by ../upload.ts, each time anew, because memory and buffers of
// one upload would otherwise count for the next.
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createObjectStore } from '../../../libs/adapters/src/object-store/create-object-store.ts';
import type { InstanceId, LayerUid, ProjectId } from '../../../libs/core/src/index.ts';
import { ZstdLayerStore } from '../../../libs/layer-store/src/zstd-layer-store.ts';
import { peakRssMiB } from '../process-io.ts';
import { bareUpload } from './bare.ts';
import type { UploadAnswer, UploadJob } from './job.ts';

/** @returns how to delete it */
type Upload = (path: string) => Promise<() => Promise<void>>;

function ourUpload({ store }: UploadJob): Upload {
  const layers = new ZstdLayerStore(createObjectStore(store));
  return async (path) => {
    const { size } = await stat(path);
    const stored = await layers.upload({
      uid: randomUUID() as LayerUid,
      instanceId: randomUUID() as InstanceId,
      projectId: 'bench' as ProjectId,
      backing: { kind: 'none' },
      path,
      extents: [[0, size, 0]],
      virtualSizeBytes: size,
      clusterBytes: 65_536,
      consistency: 'crash',
      sealedAt: new Date().toISOString(),
      tools: {},
    });
    return () => layers.delete(stored);
  };
}

const job = JSON.parse(process.argv[2] ?? '') as UploadJob;
const upload = job.how === 'ours' ? ourUpload(job) : bareUpload(job.store);
await (
  await upload(job.warmUp)
)();
const begun = performance.now();
const remove = await upload(job.file);
const answer: UploadAnswer = { seconds: (performance.now() - begun) / 1000, peakRssMiB: peakRssMiB('self') };
await remove();
process.stdout.write(JSON.stringify(answer));
process.exit(); // the client keeps connections
