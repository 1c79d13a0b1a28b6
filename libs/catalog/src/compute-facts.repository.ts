import { InstanceNotReadyError, obstacleIn, problemOf } from '@varve/core';
import type { HostName, InstanceId, Problem, ProjectId } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { ComputeFactsEntity } from './compute-facts.entity.js';

/** How a server was at a moment. */
export interface Observation {
  readonly instanceId: InstanceId;
  readonly projectId: ProjectId;
  readonly name: string;
  readonly host: string | null;
  readonly vmState: string;
  /** By Nova's clock; ISO 8601 with microseconds. */
  readonly observedAt: string;
  /** ISO 8601; `null`: it is there. */
  readonly deletedAt: string | null;
}

/** The server was given another system disk. */
export interface RootChange {
  readonly instanceId: InstanceId;
  /** Of Nova, `req-…`: the same however it is heard of. */
  readonly requestId: string;
  /** ISO 8601 */
  readonly at: string;
}

/**
 * What Nova says, heard of in any order, more than once, or only now and then: the newest of each kind stays, whatever
 * came first.
 */
export class ComputeFactsRepository {
  constructor(private readonly db: EntityManager) {}

  find(instanceId: InstanceId): Promise<ComputeFactsEntity | null> {
    return this.db.findOneBy(ComputeFactsEntity, { instanceId });
  }

  /** Of two that are equally new the one that is greater as a text counts: which one came first must not matter. */
  async observe(one: Observation): Promise<void> {
    await this.db.query(
      `insert into compute_facts as f (instance_id, project_id, name, host, vm_state, observed_at, deleted_at)
       values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (instance_id) do update set project_id = excluded.project_id, name = excluded.name,
         host = excluded.host, vm_state = excluded.vm_state, observed_at = excluded.observed_at,
         deleted_at = excluded.deleted_at
       where (f.observed_at, f.vm_state, coalesce(f.host, ''), f.name)
         < (excluded.observed_at, excluded.vm_state, coalesce(excluded.host, ''), excluded.name)`,
      [one.instanceId, one.projectId, one.name, one.host, one.vmState, one.observedAt, one.deletedAt],
    );
  }

  /** Of a server that is not known yet, nothing is kept: its host has not reported it either. */
  async rootChanged({ instanceId, requestId, at }: RootChange): Promise<void> {
    await this.db.query(
      `update compute_facts set root_request_id = $2, root_at = $3
       where instance_id = $1 and (root_at is null or (root_at, root_request_id) < ($3::timestamptz, $2))
         and root_request_id is distinct from $2`,
      [instanceId, requestId, at],
    );
  }

  async rootsChecked(instanceId: InstanceId, launchedAt: string): Promise<void> {
    await this.db.query(`update compute_facts set roots_checked_for = $2 where instance_id = $1`, [
      instanceId,
      launchedAt,
    ]);
  }

  /**
   * Brings the instance's own row in line with what is known; does nothing the second time. For every order to end in
   * the same row, it is done after each change on either side.
   *
   * With another disk, and with none, the host's chain no longer stands on what is stored.
   */
  async apply(instanceId: InstanceId): Promise<void> {
    await this.db.query(
      `update instances i set name = f.name,
         state = case when f.deleted_at is null then i.state else 'unknown' end,
         head_layer_uid = case
           when f.deleted_at is not null then null
           when f.root_at is not null and not exists (
             select 1 from operations o where o.instance_id = i.id and o.epoch = i.head_epoch
               and coalesce(o.started_at, o.created_at) > f.root_at) then null
           else i.head_layer_uid end,
         top_layer_uid = case
           when f.deleted_at is not null then null
           when f.root_at is not null and not exists (
             select 1 from operations o where o.instance_id = i.id and o.epoch = i.head_epoch
               and coalesce(o.started_at, o.created_at) > f.root_at) then null
           else i.top_layer_uid end
       from compute_facts f where f.instance_id = i.id and i.id = $1`,
      [instanceId],
    );
  }

  /**
   * Servers that a list of all of Nova's should have had, and had not: they may be gone.
   *
   * @param listed - the ids that it had
   */
  async missing(listed: readonly string[]): Promise<Pick<Observation, 'instanceId' | 'projectId' | 'name'>[]> {
    return this.db.query(
      `select instance_id as "instanceId", project_id as "projectId", name from compute_facts
         where deleted_at is null and instance_id <> all($1::uuid[])
       union all
       select i.id, i.project_id, i.name from instances i
         where i.state = 'unknown' and i.id <> all($1::uuid[])
           and not exists (select 1 from compute_facts f where f.instance_id = i.id)`,
      [listed],
    );
  }

  /** Instances that Nova deleted more than so many days ago and that still have restore points. */
  async orphans(days: number, limit: number): Promise<InstanceId[]> {
    const rows: { id: InstanceId }[] = await this.db.query(
      `select f.instance_id as id from compute_facts f join instances i on i.id = f.instance_id
       where f.deleted_at < now() - make_interval(secs => $1::double precision * 86400)
         and exists (select 1 from restore_points p where p.instance_id = i.id)
         and not exists (select 1 from operations o where o.instance_id = i.id and o.state in ('queued', 'running'))
       order by f.deleted_at limit $2`,
      [days, limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Of servers that never were instances here, nothing needs to be known once they are gone. */
  async tidy(): Promise<void> {
    await this.db.query(
      `delete from compute_facts f where deleted_at < now() - interval '7 days'
         and not exists (select 1 from instances i where i.id = f.instance_id)`,
    );
  }
}

/**
 * Why Nova's state of an instance forbids work on it.
 *
 * @param reportedBy - the host that has reported it
 * @param work - a repair is for instances in error
 */
export function obstacleOf(
  facts: Pick<ComputeFactsEntity, 'instanceId' | 'vmState' | 'host'> | null,
  reportedBy: HostName,
  work: 'any' | 'repair' = 'any',
): Problem | null {
  if (!facts) return null;
  const { instanceId, vmState, host } = facts;
  const obstacle = obstacleIn(vmState, instanceId, work);
  if (obstacle) return problemOf(obstacle);
  if (host === null || host === reportedBy) return null;
  return problemOf(
    new InstanceNotReadyError(
      'instance_moving',
      `Nova has instance ${instanceId} on ${host}, which has not reported it`,
      {
        instanceId,
        host,
        reportedBy,
      },
    ),
  );
}
