import type { InstanceId, OperationId, ProjectId, SnapshotUid } from '@varve/core';
import type { FoundImage, NewImage } from '@varve/ports';

/** What the user says of an image. */
export type ImageRequest = Pick<NewImage, 'name' | 'visibility' | 'diskFormat'>;

const GIB = 2 ** 30;

/** What says how to run a disk. Not that its content was signed, nor what the image service says of its content. */
const INHERITED = /^(hw_|os_|img_|architecture$|hypervisor_type$|vm_mode$|kernel_id$|ramdisk_id$)/;
const OF_THE_CONTENT = /^(os_hash_|os_hidden$|os_glance_|img_signature)/;

/**
 * The image of a restore point: an instance made from it runs as the one that it was taken of.
 *
 * @param original - what that one was made from; `null`: not known any more
 */
export function imageOf(
  {
    image,
    projectId,
    ...request
  }: {
    readonly image: ImageRequest;
    readonly projectId: ProjectId;
    readonly instanceId: InstanceId;
    readonly snapshotUid: SnapshotUid;
    readonly operationId: OperationId;
    readonly takenAt: string;
  },
  virtualSizeBytes: number,
  original: FoundImage | null,
): Omit<NewImage, 'id'> {
  const inherited = Object.entries(original?.properties ?? {}).filter(
    ([name]) => INHERITED.test(name) && !OF_THE_CONTENT.test(name),
  );
  return {
    ...image,
    projectId,
    minDisk: Math.max(Math.ceil(virtualSizeBytes / GIB), original?.minDisk ?? 0),
    minRam: original?.minRam ?? 0,
    properties: {
      ...Object.fromEntries(inherited),
      varve_restore_point: request.snapshotUid,
      varve_instance: request.instanceId,
      varve_taken_at: request.takenAt,
      varve_operation: request.operationId,
    },
  };
}
