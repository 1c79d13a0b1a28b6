import { isProjectId, isUuid } from '@varve/core';
import type { InstanceId, LayerUid, ProjectId } from '@varve/core';

export interface LayerKeys {
  readonly objectKey: string;
  readonly manifestKey: string;
}

/** Where a layer lies in the store. Ids were checked at the door; here once more, because a key is a path to some. */
export function layerKeys(projectId: ProjectId, instanceId: InstanceId, uid: LayerUid): LayerKeys {
  if (!isProjectId(projectId) || !isUuid(instanceId) || !isUuid(uid)) {
    throw new Error(`Not ids: ${JSON.stringify([projectId, instanceId, uid])}`);
  }
  const stem = `${projectId}/${instanceId}/layers/${uid}`;
  return { objectKey: `${stem}.qcow2.zst`, manifestKey: `${stem}.json` };
}
