import type { Chain, EventData, Protection } from '@varve/contracts';
import type { HostName, InstanceId, LayerUid, OperationId, Problem } from '@varve/core';
import { In } from 'typeorm';
import type { EntityManager } from 'typeorm';
import { obstacleOf } from './compute-facts.repository.js';
import { pageOfInstances, PROTECTION } from './instance-page.js';
import type { InstanceFilter, InstanceOrder } from './instance-page.js';
import { InstanceSummaryEntity } from './instance-summary.entity.js';
import { InstanceEntity } from './instance.entity.js';
import type { PageRequest } from './paging.js';

/** @param chain - `undefined`: its host is too old to tell, and nothing changes */
const chainColumns = (
  chain: Chain | null | undefined,
  at: string,
): { chain: Omit<Chain, 'observedAt'> | null; chainAt: string | null } => {
  if (!chain) return { chain: null, chainAt: chain === null ? at : null };
  const { observedAt, ...rest } = chain;
  return { chain: rest, chainAt: observedAt };
};

/** What a view of an instance needs beside its row. */
export interface InstanceFacts {
  readonly instance: InstanceEntity;
  readonly hostUp: boolean;
  readonly summary: InstanceSummaryEntity;
  readonly protection: Protection;
  readonly operationId: OperationId | null;
  /** Why Nova's state of it forbids work; `null`: it does not, or there is no Nova. */
  readonly obstacle: Problem | null;
}

/** Another host's word, or a later one; by the database's clock too, since a host's may have been set back. */
const ITS_CHAIN_IS_NEWER = `(instances.host <> excluded.host or excluded.chain_at is not null
  and (instances.chain_at is null or excluded.chain_at >= instances.chain_at
    or instances.seen_at < now() - interval '20 seconds'))`;

export class InstancesRepository {
  constructor(private readonly db: EntityManager) {}

  find(id: InstanceId): Promise<InstanceEntity | null> {
    return this.db.findOneBy(InstanceEntity, { id });
  }

  byIds(ids: readonly InstanceId[]): Promise<InstanceEntity[]> {
    return this.db.findBy(InstanceEntity, { id: In([...ids]) });
  }

  /** Nobody else accepts or settles work of this instance until the transaction ends. */
  lock(id: InstanceId): Promise<InstanceEntity | null> {
    return this.db.findOne(InstanceEntity, { where: { id }, lock: { mode: 'pessimistic_write' } });
  }

  /** The number of the instance's next job. */
  async nextEpoch(id: InstanceId): Promise<number> {
    const [rows]: [{ epoch: string }[]] = await this.db.query(
      `update instances set epoch = epoch + 1 where id = $1 returning epoch`,
      [id],
    );
    return Number(rows[0]?.epoch);
  }

  /** What an operation's end says of the chain; an older operation's late word changes nothing. */
  async chainIs(
    id: InstanceId,
    epoch: number,
    { head, top, length }: { head: LayerUid | null; top: LayerUid | null; length: number },
  ): Promise<void> {
    await this.db.query(
      `update instances set head_layer_uid = $3, top_layer_uid = $5, head_epoch = $2, chain_length = $4
       where id = $1 and head_epoch <= $2`,
      [id, epoch, head, length, top],
    );
  }

  /**
   * What the layers below the active one show, for whoever must be sure of it.
   *
   * @returns `undefined`: an operation that we gave up on, and whose host has not said yet how it ended, may have changed it
   */
  async topOf(id: InstanceId): Promise<LayerUid | null | undefined> {
    const rows: { top: LayerUid | null }[] = await this.db.query(
      `select top_layer_uid as top from instances i where id = $1 and not exists (
         select 1 from operations o where o.instance_id = i.id and o.settled_by = 'sweep' and o.epoch > i.head_epoch
           and o.kind not in ('export', 'delete', 'keep'))`,
      [id],
    );
    return rows[0]?.top;
  }

  /** Records what a host says of a chain, if the instance is that host's and nothing newer has been said. */
  async chainSeen(host: HostName, id: InstanceId, { observedAt, ...chain }: Chain): Promise<void> {
    await this.db.query(
      `update instances set chain = $3, chain_at = $4
       where id = $1 and host = $2 and (chain_at is null or chain_at < $4::timestamptz)`,
      [id, host, chain, observedAt],
    );
  }

  /**
   * Records which instances a host has; those it no longer has become `unknown`.
   *
   * An instance belongs to the project it was first reported with, and to its host for as long as that one is heard of
   * and reports it: a host can't take over what is another's, unless Nova says that it is that host's now.
   *
   * @param at - when it said so, by its own clock
   * @returns the instances that it had no right to report
   */
  async reported(
    host: HostName,
    instances: EventData<'host.heartbeat'>['instances'],
    at: string,
  ): Promise<InstanceId[]> {
    const taken: { id: InstanceId }[] = await this.db.query(
      `insert into instances
         (id, project_id, host, name, state, virtual_size_bytes, chain_length, unsupported, chain, chain_at, seen_at)
       select id, "projectId", $1, name, state, "virtualSizeBytes", "chainLength",
         case when jsonb_typeof(unsupported) = 'object' then unsupported end,
         case when jsonb_typeof(chain) = 'object' then chain end, "chainAt", now()
       from jsonb_to_recordset($2::jsonb) as reported (id uuid, "projectId" text, name text, state text,
         "virtualSizeBytes" bigint, "chainLength" integer, unsupported jsonb, chain jsonb, "chainAt" timestamptz)
       order by id
       on conflict (id) do update set host = excluded.host, state = excluded.state,
         name = coalesce((select f.name from compute_facts f where f.instance_id = excluded.id), excluded.name),
         virtual_size_bytes = excluded.virtual_size_bytes, chain_length = excluded.chain_length,
         unsupported = excluded.unsupported, chain = case when ${ITS_CHAIN_IS_NEWER} then excluded.chain else instances.chain end,
         chain_at = case when ${ITS_CHAIN_IS_NEWER} then excluded.chain_at else instances.chain_at end, seen_at = excluded.seen_at
       where instances.project_id = excluded.project_id
         and (instances.host = excluded.host or instances.state = 'unknown' or not exists (
           select 1 from hosts where name = instances.host and seen_at > now() - interval '1 minute')
           or exists (select 1 from compute_facts f where f.instance_id = instances.id and f.host = excluded.host))
       returning id`,
      [host, JSON.stringify(instances.map((instance) => ({ ...instance, ...chainColumns(instance.chain, at) })))],
    );
    const ids = instances.map(({ id }) => id);
    await this.db.query(
      `update instances set state = 'unknown' where host = $1 and state <> 'unknown' and id <> all($2::uuid[])`,
      [host, ids],
    );
    const allowed = new Set(taken.map(({ id }) => id));
    return ids.filter((id) => !allowed.has(id));
  }

  page(
    of: InstanceFilter,
    page: InstanceOrder & PageRequest,
  ): Promise<{ ids: InstanceId[]; nextMarker: string | null }> {
    return pageOfInstances(this.db, of, page);
  }

  /** In the order of the ids; without those that are not there. */
  async facts(ids: readonly InstanceId[], hostUpWithinSeconds: number): Promise<InstanceFacts[]> {
    const [rows, summaries, facts] = await Promise.all([
      this.db.findBy(InstanceEntity, { id: In([...ids]) }),
      this.db.findBy(InstanceSummaryEntity, { instanceId: In([...ids]) }),
      this.db.query<
        {
          id: InstanceId;
          up: boolean;
          operation: OperationId | null;
          vmState: string | null;
          computeHost: string | null;
          protection: Protection;
        }[]
      >(
        `select i.id, h.seen_at > now() - make_interval(secs => $2) as up, ${PROTECTION} as protection,
           (select o.id from operations o where o.instance_id = i.id and o.state in ('queued', 'running')) as operation,
           f.vm_state as "vmState", f.host as "computeHost"
         from instances i join hosts h on h.name = i.host join instance_summaries s on s.instance_id = i.id
           left join compute_facts f on f.instance_id = i.id
         where i.id = any($1::uuid[])`,
        [ids, hostUpWithinSeconds],
      ),
    ]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    const summaryOf = new Map(summaries.map((summary) => [summary.instanceId, summary]));
    const factOf = new Map(facts.map((fact) => [fact.id, fact]));
    return ids.flatMap((id): InstanceFacts[] => {
      const [instance, summary, fact] = [byId.get(id), summaryOf.get(id), factOf.get(id)];
      if (!instance || !summary || !fact) return [];
      const { up: hostUp, operation: operationId, protection, vmState, computeHost } = fact;
      const obstacle =
        vmState === null ? null : obstacleOf({ instanceId: id, vmState, host: computeHost }, instance.host);
      return [{ instance, summary, protection, hostUp, operationId, obstacle }];
    });
  }
}
