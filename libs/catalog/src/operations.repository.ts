import type { EventData, OperationState } from '@varve/contracts';
import { OperationRunningError } from '@varve/core';
import type { HostName, InstanceId, OperationId, ProjectId } from '@varve/core';
import { In } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { OperationEntity } from './operation.entity.js';
import type { PageRequest } from './paging.js';
import { newestFirst } from './paging.js';

/** What is said when an operation is accepted; the rest is how it goes. */
export type NewOperation = Pick<
  OperationEntity,
  'id' | 'instanceId' | 'projectId' | 'host' | 'kind' | 'epoch' | 'requestId' | 'userId'
> &
  Partial<
    Pick<
      OperationEntity,
      'snapshotUid' | 'undoes' | 'keeps' | 'layerUid' | 'replacedLayerUid' | 'phase' | 'pastNoReturn'
    >
  >;

export class OperationsRepository {
  constructor(private readonly db: EntityManager) {}

  /**
   * Lets a new operation in, if none is active on the instance.
   *
   * @throws {OperationRunningError} one is; the database decides, however many ask at once
   */
  async start(operation: NewOperation): Promise<OperationEntity> {
    const rows: unknown[] = await this.db.query(
      `insert into operations (id, instance_id, project_id, host, kind, state, phase, past_no_return, epoch,
         snapshot_uid, undoes, replaced_layer_uid, request_id, user_id, keeps, layer_uid, created_at)
       values ($1, $2, $3, $4, $5, 'queued', $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, now())
       on conflict (instance_id) where state in ('queued', 'running') do nothing returning id`,
      [
        operation.id,
        operation.instanceId,
        operation.projectId,
        operation.host,
        operation.kind,
        operation.phase ?? 'queued',
        operation.pastNoReturn ?? false,
        operation.epoch,
        operation.snapshotUid ?? null,
        operation.undoes ?? null,
        operation.replacedLayerUid ?? null,
        operation.requestId,
        operation.userId,
        operation.keeps ?? null,
        operation.layerUid ?? null,
      ],
    );
    if (rows.length === 0) {
      const active = await this.activeOn(operation.instanceId);
      throw new OperationRunningError(operation.instanceId, active?.id ?? 'unknown');
    }
    return this.db.findOneByOrFail(OperationEntity, { id: operation.id });
  }

  /** @throws {OperationRunningError} so early that the answer names it; {@link start} is what makes sure */
  async assertIdle(instanceId: InstanceId): Promise<void> {
    const active = await this.activeOn(instanceId);
    if (active) throw new OperationRunningError(instanceId, active.id);
  }

  /** For what was done in the very transaction that it was asked for in; it is never active. */
  async recordDone(operation: NewOperation): Promise<OperationEntity> {
    await this.db.query(
      `insert into operations (id, instance_id, project_id, host, kind, state, phase, epoch, snapshot_uid, settled_by,
         request_id, user_id, created_at, started_at, finished_at)
       values ($1, $2, $3, $4, $5, 'succeeded', 'finishing', $6, $7, 'control', $8, $9, now(), now(), now())`,
      [
        operation.id,
        operation.instanceId,
        operation.projectId,
        operation.host,
        operation.kind,
        operation.epoch,
        operation.snapshotUid ?? null,
        operation.requestId,
        operation.userId,
      ],
    );
    return this.db.findOneByOrFail(OperationEntity, { id: operation.id });
  }

  find(id: OperationId): Promise<OperationEntity | null> {
    return this.db.findOneBy(OperationEntity, { id });
  }

  byIds(ids: readonly OperationId[]): Promise<OperationEntity[]> {
    return this.db.findBy(OperationEntity, { id: In([...ids]) });
  }

  lock(id: OperationId): Promise<OperationEntity | null> {
    return this.db.findOne(OperationEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
  }

  activeOn(instanceId: InstanceId): Promise<OperationEntity | null> {
    return this.db.findOneBy(OperationEntity, [
      { instanceId, state: 'queued' },
      { instanceId, state: 'running' },
    ]);
  }

  async update(id: OperationId, values: Partial<OperationEntity>): Promise<void> {
    await this.db.update(OperationEntity, { id }, values);
  }

  /**
   * Its host works on it. Says nothing new about one that is over.
   *
   * @param acceptedAt - `null` where something else than the acceptance was heard of first
   */
  async begun(id: OperationId, acceptedAt: string | null): Promise<void> {
    await this.db.query(
      `update operations set state = case state when 'queued' then 'running' else state end,
         started_at = least(started_at, $2::timestamptz)
       where id = $1 and (state = 'queued' or started_at is distinct from least(started_at, $2::timestamptz))`,
      [id, acceptedAt],
    );
  }

  /**
   * Records how far it is, unless something newer has been recorded. Ended operations stay ended, and the point of no
   * return stays passed.
   *
   * @param key - rises with time; the same for the same report
   */
  async progressed(id: OperationId, key: string, progress: EventData<'operation.progress'>): Promise<void> {
    const { phase, doneBytes, totalBytes, pastNoReturn } = progress;
    await this.db.query(
      `update operations set
         past_no_return = past_no_return or $6,
         state = case state when 'queued' then 'running' else state end,
         phase = case when progress_key < $2 then $3 else phase end,
         done_bytes = case when progress_key < $2 then $4 else done_bytes end,
         total_bytes = case when progress_key < $2 then $5 else total_bytes end,
         progress_key = greatest(progress_key, $2)
       where id = $1 and (progress_key < $2 or $6 and not past_no_return or state = 'queued')`,
      [id, key, phase, doneBytes, totalBytes, pastNoReturn],
    );
  }

  /** The rollback or undo that an undo would take back: the instance's latest that succeeded, unless that was kept. */
  async latestRollback(instanceId: InstanceId): Promise<OperationEntity | null> {
    const latest = await this.db
      .createQueryBuilder(OperationEntity, 'operation')
      .where(`operation.instanceId = :instanceId and operation.state = 'succeeded'`, { instanceId })
      .andWhere(`operation.kind in ('rollback', 'undo')`)
      .orderBy('operation.epoch', 'DESC')
      .limit(1)
      .getOne();
    const isKept = latest && (await this.db.existsBy(OperationEntity, { keeps: latest.id, state: 'succeeded' }));
    return isKept ? null : latest;
  }

  /** Newest first. */
  page(
    of: {
      project?: ProjectId | null;
      instance?: InstanceId | undefined;
      state?: OperationState | undefined;
      host?: HostName | undefined;
      active?: boolean | undefined;
    },
    kinds: readonly string[],
    page: PageRequest,
  ): Promise<{ rows: OperationEntity[]; nextMarker: string | null }> {
    const query = this.db.createQueryBuilder(OperationEntity, 'operation');
    query.where('operation.kind = any(:kinds)', { kinds });
    if (of.project) query.andWhere('operation.projectId = :project', of);
    if (of.instance !== undefined) query.andWhere('operation.instanceId = :instance', of);
    if (of.state !== undefined) query.andWhere('operation.state = :state', of);
    if (of.host !== undefined) query.andWhere('operation.host = :host', of);
    // As the index on those that are active says it.
    const active = `operation.state in ('queued', 'running')`;
    if (of.active !== undefined) query.andWhere(of.active ? active : `not (${active})`);
    return newestFirst(query, 'createdAt', 'id', page);
  }

  /**
   * Active operations of whose host nothing was heard for so long; or neither of the operation, in progress or steps, nor of
   * its instance on that host: as a rule the journal is gone with it. An export does not need its instance.
   */
  async activeUnheardOf(
    silentSeconds: number,
  ): Promise<{ id: OperationId; instanceId: InstanceId; host: HostName; hostIsSilent: boolean }[]> {
    return this.db.query(
      `select o.id, o.instance_id as "instanceId", o.host, h.seen_at < longest.ago as "hostIsSilent"
       from operations o join hosts h on h.name = o.host join instances i on i.id = o.instance_id,
         (select ago, to_char(ago at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as told
          from (select now() - make_interval(secs => $1) as ago) as moment) as longest
       where o.state in ('queued', 'running') and o.kind <> 'delete' and (h.seen_at < longest.ago
         or o.kind <> 'export' and (i.host <> o.host or i.state = 'unknown' and i.seen_at < longest.ago)
           and coalesce(o.started_at, o.created_at) < longest.ago
           and o.progress_key < longest.told
           and not exists (select 1 from jsonb_array_elements(o.steps) step where step ->> 'at' >= longest.told))
       order by o.created_at`,
      [silentSeconds],
    );
  }

  /** Deletions that wait for somebody to do them. */
  async queuedDeletes(limit: number): Promise<{ id: OperationId; instanceId: InstanceId }[]> {
    return this.db.query(
      `select id, instance_id as "instanceId" from operations
       where kind = 'delete' and state in ('queued', 'running') order by created_at limit $1`,
      [limit],
    );
  }
}
