import type { SnapshotStatus } from '@varve/contracts';
import type { InstanceId, LayerUid, OperationId, Problem, ProjectId, SnapshotUid } from '@varve/core';
import { MoreThan } from 'typeorm';
import type { EntityManager } from 'typeorm';
import type { PageRequest } from './paging.js';
import { newestFirst } from './paging.js';
import { RestorePointEntity } from './restore-point.entity.js';

export class RestorePointsRepository {
  constructor(private readonly db: EntityManager) {}

  async reserve(point: {
    uid: SnapshotUid;
    instanceId: InstanceId;
    projectId: ProjectId;
    name: string | null;
    operationId: OperationId;
  }): Promise<RestorePointEntity> {
    await this.db.query(
      `insert into restore_points (uid, instance_id, project_id, name, status, operation_id, epoch, created_at)
       select $1, $2, $3, $4, 'creating', id, epoch, now() from operations where id = $5`,
      [point.uid, point.instanceId, point.projectId, point.name, point.operationId],
    );
    return this.db.findOneByOrFail(RestorePointEntity, { uid: point.uid });
  }

  find(uid: SnapshotUid): Promise<RestorePointEntity | null> {
    return this.db.findOneBy(RestorePointEntity, { uid });
  }

  lock(uid: SnapshotUid): Promise<RestorePointEntity | null> {
    return this.db.findOne(RestorePointEntity, { where: { uid }, lock: { mode: 'pessimistic_write' } });
  }

  async update(uid: SnapshotUid, values: Partial<Omit<RestorePointEntity, 'problem'>>): Promise<void> {
    await this.db.update(RestorePointEntity, { uid }, values);
  }

  /** From one of these states to another; nothing happens when it is in neither. */
  async move(uid: SnapshotUid, from: readonly SnapshotStatus[], to: SnapshotStatus): Promise<void> {
    await this.db.query(`update restore_points set status = $3 where uid = $1 and status = any($2)`, [uid, from, to]);
  }

  /**
   * It will not become available, as far as is known now. A point that is, stays so.
   *
   * @param instead - replaces the reason given before, where it was this one; `null`: any reason
   */
  async failed(uid: SnapshotUid, problem: Problem, instead?: Problem | null): Promise<void> {
    await this.db.query(
      `update restore_points set status = 'error', problem = $2
       where uid = $1 and (status = 'creating' or status = 'error' and ($3 or problem = $4::jsonb))`,
      [uid, problem, instead === null, instead ?? null],
    );
  }

  /** Its layer is in the store, which is true whatever was believed before. */
  async available(uid: SnapshotUid, layer: LayerUid, healed: boolean, at: string): Promise<void> {
    await this.db.query(
      `update restore_points set status = 'available', layer_uid = $2, healed = $3, available_at = $4, problem = null
       where uid = $1 and status in ('creating', 'error')`,
      [uid, layer, healed, at],
    );
  }

  /** After a rollback to it ended, unless another one is under way. */
  async restored(uid: SnapshotUid): Promise<void> {
    await this.db.query(
      `update restore_points set status = 'available' where uid = $1 and status = 'restoring' and not exists (
         select 1 from operations where snapshot_uid = $1 and kind = 'rollback' and state in ('queued', 'running'))`,
      [uid],
    );
  }

  async remove(uid: SnapshotUid): Promise<void> {
    await this.db.delete(RestorePointEntity, { uid });
  }

  /** The newest one that is not later. */
  newestNotAfter(instanceId: InstanceId, at: Date): Promise<RestorePointEntity | null> {
    return this.db
      .createQueryBuilder(RestorePointEntity, 'point')
      .where(`point.instanceId = :instanceId and point.status = 'available' and point.sealedAt <= :at`, {
        instanceId,
        at,
      })
      .orderBy('point.sealedAt', 'DESC')
      .addOrderBy('point.uid', 'DESC')
      .limit(1)
      .getOne();
  }

  /** Those that can be gone back to and stand for a later moment. */
  countAfter(instanceId: InstanceId, at: Date): Promise<number> {
    return this.db.countBy(RestorePointEntity, { instanceId, status: 'available', sealedAt: MoreThan(at) });
  }

  /** Newest first. */
  page(
    instanceId: InstanceId,
    status: SnapshotStatus | undefined,
    page: PageRequest,
  ): Promise<{ rows: RestorePointEntity[]; nextMarker: string | null }> {
    const query = this.db.createQueryBuilder(RestorePointEntity, 'point');
    query.where('point.instanceId = :instanceId', { instanceId });
    if (status !== undefined) query.andWhere('point.status = :status', { status });
    return newestFirst(query, 'createdAt', 'uid', page);
  }

  /** Those that can be gone back to, newest first by the moment they stand for. */
  availablePage(
    instanceId: InstanceId,
    range: { from?: string | undefined; to?: string | undefined },
    page: PageRequest,
  ): Promise<{ rows: RestorePointEntity[]; nextMarker: string | null }> {
    const query = this.db.createQueryBuilder(RestorePointEntity, 'point');
    query.where(`point.instanceId = :instanceId and point.status = 'available' and point.sealedAt is not null`, {
      instanceId,
    });
    if (range.from !== undefined) query.andWhere('point.sealedAt >= :from', range);
    if (range.to !== undefined) query.andWhere('point.sealedAt <= :to', range);
    return newestFirst(query, 'sealedAt', 'uid', page);
  }

  /** Promised, but the operation that was to keep the promise ended a while ago and no layer came. */
  async givenUp(seconds: number, problem: Problem): Promise<SnapshotUid[]> {
    const [rows]: [{ uid: SnapshotUid }[]] = await this.db.query(
      `update restore_points p set status = 'error', problem = $2 from operations o
       where o.id = p.operation_id and p.status = 'creating' and o.finished_at < now() - make_interval(secs => $1)
       returning p.uid`,
      [seconds, problem],
    );
    return rows.map(({ uid }) => uid);
  }
}
