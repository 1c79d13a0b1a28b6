import { Injectable } from '@nestjs/common';
import { Catalog, snapshotView } from '@varve/catalog';
import type { CatalogTx, Range } from '@varve/catalog';
import type { TimelineBranch, TimelineBucket, TimelinePoint, TimelineQuery, TimelineView } from '@varve/contracts';
import { branchesOf } from '@varve/core';
import type { Branches, InstanceId } from '@varve/core';
import { visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { InvalidRequestError } from '../http/invalid-request.error.js';

/** An instance's restore points as a line with branches; in groups where it would be too many to see. */
@Injectable()
export class TimelineService {
  constructor(private readonly catalog: Catalog) {}

  async show(caller: Caller, instanceId: InstanceId, query: TimelineQuery): Promise<TimelineView> {
    return this.catalog.read(async (tx) => {
      visible(caller, 'instance', instanceId, await tx.instances.find(instanceId));
      const [extent, turns, snapshotUid] = await Promise.all([
        tx.timeline.extent(instanceId),
        tx.timeline.turns(instanceId),
        tx.timeline.here(instanceId),
      ]);
      const branches = branchesOf(turns);
      const range = rangeOf(query, extent);
      const total = await tx.timeline.count(instanceId, range);
      const shown =
        total <= query.points
          ? { points: await pointsOf(tx, instanceId, range, branches), buckets: [] }
          : { points: [], buckets: await bucketsOf(tx, instanceId, range, branches, query.points) };
      return {
        instanceId,
        from: range.from.toISOString(),
        to: range.to.toISOString(),
        firstAt: extent?.from.toISOString() ?? null,
        lastAt: extent?.to.toISOString() ?? null,
        total,
        ...shown,
        branches: await branchViews(tx, branches, extent),
        here: { branch: branches.spans.at(-1)?.branch ?? 0, snapshotUid },
      };
    });
  }
}

/** @throws {InvalidRequestError} */
function rangeOf(query: Pick<TimelineQuery, 'from' | 'to'>, extent: Range | null): Range {
  const now = new Date();
  // By its host's clock, its newest point may be in our future.
  const newest = extent && extent.to > now ? extent.to : now;
  const to = query.to === undefined ? newest : new Date(query.to);
  const from = query.from === undefined ? (extent?.from ?? to) : new Date(query.from);
  if (from <= to) return { from, to };
  if (query.from === undefined) return { from: to, to };
  throw new InvalidRequestError('from: is later than to', { from: 'is later than to' });
}

async function pointsOf(
  tx: CatalogTx,
  instanceId: InstanceId,
  range: Range,
  { spans }: Branches,
): Promise<TimelinePoint[]> {
  const rows = await tx.timeline.points(instanceId, range);
  const layers = await tx.layers.byUid(rows.flatMap(({ layerUid }) => layerUid ?? []));
  return rows.map((row) => ({
    ...snapshotView(row, row.layerUid === null ? undefined : layers.get(row.layerUid)),
    branch: spans.findLast(({ by }) => by === null || by.epoch <= row.epoch)?.branch ?? 0,
  }));
}

async function bucketsOf(
  tx: CatalogTx,
  instanceId: InstanceId,
  range: Range,
  branches: Branches,
  most: number,
): Promise<TimelineBucket[]> {
  // A bit more than a part, so that the end of the range is in the last one.
  const stepMs = Math.floor((range.to.getTime() - range.from.getTime()) / most) + 1;
  const groups = await tx.timeline.groups(instanceId, range, branches, stepMs);
  return groups.map(({ from, newest, ...group }) => ({
    ...group,
    from: from.toISOString(),
    to: new Date(Math.min(from.getTime() + stepMs, range.to.getTime())).toISOString(),
    newest: newest && { uid: newest.uid, sealedAt: newest.sealedAt.toISOString() },
  }));
}

async function branchViews(
  tx: CatalogTx,
  { branches, spans }: Branches,
  extent: Range | null,
): Promise<TimelineBranch[]> {
  const sealedAt = await tx.timeline.sealedAt(branches.flatMap(({ parent }) => parent ?? []));
  const firstTurn = spans[0]?.until?.at;
  const began = [extent?.from, firstTurn].flatMap((at) => at ?? []).sort((a, b) => a.getTime() - b.getTime())[0];
  return branches.map(({ parent }, branch) => ({
    branch,
    parentUid: parent,
    parentAt: (parent !== null && sealedAt.get(parent)?.toISOString()) || null,
    spans: spans
      .filter((span) => span.branch === branch)
      .map(({ by, until }) => ({
        from: (by?.at ?? began ?? new Date()).toISOString(),
        to: until?.at.toISOString() ?? null,
        rollbackId: by?.id ?? null,
      })),
  }));
}
