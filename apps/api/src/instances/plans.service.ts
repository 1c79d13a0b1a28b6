import { Injectable } from '@nestjs/common';
import { Catalog, snapshotView } from '@varve/catalog';
import type { CatalogTx, InstanceEntity } from '@varve/catalog';
import type { RollbackPlanQuery, RollbackPlanView, SnapshotEstimate } from '@varve/contracts';
import { mostFetched, NotFoundError, problemOf, ServiceError } from '@varve/core';
import type { InstanceId, LayerSize, LayerUid } from '@varve/core';
import { Admission } from '../admission.js';
import { visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { assertAvailable, wholeLineage } from '../snapshots/whole-lineage.js';

/** What would happen, before one asks for it; and whether it would be refused, by the code that refuses. */
@Injectable()
export class PlansService {
  constructor(
    private readonly catalog: Catalog,
    private readonly admission: Admission,
  ) {}

  async snapshot(caller: Caller, instanceId: InstanceId): Promise<SnapshotEstimate> {
    return this.catalog.read(async (tx) => {
      const instance = visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      return {
        instanceId,
        changedBytesAtMost: await unsavedBytes(tx, instance),
        stall: await tx.expectations.stall(instance),
        duration: await tx.expectations.duration(instance),
        refusal: await refusalOf(() => this.admission.assertSnapshottable(tx, instance)),
      };
    });
  }

  /** @throws {NotFoundError} there is no such restore point of this instance */
  async rollback(caller: Caller, instanceId: InstanceId, target: RollbackPlanQuery): Promise<RollbackPlanView> {
    return this.catalog.read(async (tx) => {
      const instance = visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      const point =
        'at' in target
          ? await tx.restorePoints.newestNotAfter(instanceId, new Date(target.at))
          : await tx.restorePoints.find(target.snapshotUid);
      if (point?.instanceId !== instanceId) {
        throw new NotFoundError('restore_point', 'at' in target ? target.at : target.snapshotUid);
      }
      const { layerUid } = point;
      const sizes = await tx.layers.sizes(instanceId);
      const layers = await tx.layers.byUid(layerUid === null ? [] : [layerUid]);
      return {
        instanceId,
        target: snapshotView(point, layerUid === null ? undefined : layers.get(layerUid)),
        fetchBytesAtMost: mostFetched(lineageIn(sizes, layerUid), localState(sizes, instance)),
        downtime: await tx.expectations.downtime(instance),
        unsavedBytesAtMost: await unsavedBytes(tx, instance),
        newerRestorePoints: point.sealedAt === null ? 0 : await tx.restorePoints.countAfter(instanceId, point.sealedAt),
        endsUndoOf: (await tx.operations.latestRollback(instanceId))?.id ?? null,
        refusal: await refusalOf(async () => {
          await this.admission.assertReachable(tx, instance);
          assertAvailable(point);
          await wholeLineage(tx, point.layerUid);
        }),
      };
    });
  }
}

/**
 * What is in no restore point: what the layers above the newest stored state take on the host. Of a failed snapshot's
 * layer too. `null`: the host has not said.
 */
async function unsavedBytes(tx: CatalogTx, { id, chain }: InstanceEntity): Promise<number | null> {
  const layers = chain?.layers ?? [];
  if (layers.length === 0) return null;
  const facts = await tx.chains.facts(
    id,
    layers.flatMap(({ asOf }) => asOf ?? []),
  );
  const stored = layers.findLastIndex(({ asOf }) => asOf !== null && (facts.get(asOf)?.stored ?? false));
  return layers.slice(stored + 1).reduce((sum, { allocatedBytes }) => sum + allocatedBytes, 0);
}

/** What the sealed layer whose bytes a rollback would use is made of: as `planSources` of the rollback chooses it. */
function localState(sizes: Sizes, { chain, headLayerUid }: InstanceEntity): readonly LayerSize[] {
  const current = lineageIn(sizes, headLayerUid);
  const height = new Map(current.map(({ uid }, index) => [uid, index]));
  const usable = (chain?.layers ?? [])
    .slice(0, -1)
    .findLast(({ asOf, isMixture }) => !isMixture && asOf !== null && height.has(asOf));
  return usable?.asOf == null ? [] : current.slice(0, (height.get(usable.asOf) ?? -1) + 1);
}

type Sizes = Awaited<ReturnType<CatalogTx['layers']['sizes']>>;

/** Lowest layer first; as far down as is known. */
function lineageIn(sizes: Sizes, top: LayerUid | null): readonly LayerSize[] {
  const downwards: LayerSize[] = [];
  // No more than there are: an end for a loop, which can't be.
  for (let uid = top; uid !== null && downwards.length < sizes.size;) {
    const layer = sizes.get(uid);
    if (!layer) break;
    downwards.push(layer);
    uid = layer.backingUid;
  }
  return downwards.reverse();
}

async function refusalOf(work: () => Promise<void>): Promise<SnapshotEstimate['refusal']> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    const problem = problemOf(error);
    return { ...problem, facts: { ...problem.facts } };
  }
}
