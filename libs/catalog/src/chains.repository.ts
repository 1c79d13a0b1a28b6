import type { InstanceId, LayerUid, SnapshotUid } from '@varve/core';
import type { EntityManager } from 'typeorm';
import type { InstanceEntity } from './instance.entity.js';

/** What the catalog knows of the state that a layer on a host stands for. */
export interface LayerFacts {
  readonly stored: boolean;
  readonly snapshotUid: SnapshotUid | null;
  readonly snapshotName: string | null;
}

/** The layers on hosts, as the catalog knows them. */
export class ChainsRepository {
  constructor(private readonly db: EntityManager) {}

  /** Also of layers that never came into the store, as long as their snapshot is there. */
  facts(instance: InstanceId, uids: readonly LayerUid[]): Promise<Map<LayerUid, LayerFacts>> {
    return this.factsOf(uids.map((uid) => ({ instance, uid })));
  }

  /** Of all layers of all these instances' chains; a layer is in one of them alone. */
  factsOfAll(instances: readonly Pick<InstanceEntity, 'id' | 'chain'>[]): Promise<Map<LayerUid, LayerFacts>> {
    return this.factsOf(
      instances.flatMap(({ id, chain }) =>
        (chain?.layers ?? []).flatMap(({ asOf }) => (asOf === null ? [] : [{ instance: id, uid: asOf }])),
      ),
    );
  }

  private async factsOf(
    wanted: readonly { instance: InstanceId; uid: LayerUid }[],
  ): Promise<Map<LayerUid, LayerFacts>> {
    if (wanted.length === 0) return new Map();
    const rows: ({ uid: LayerUid } & LayerFacts)[] = await this.db.query(
      `select w.uid, l.uid is not null as stored, p.uid as "snapshotUid", p.name as "snapshotName"
       from unnest($1::uuid[], $2::uuid[]) as w (instance, uid)
         left join layers l on l.uid = w.uid and l.instance_id = w.instance
         left join operations o on o.layer_uid = w.uid and o.instance_id = w.instance
         left join lateral (select p.uid, p.name from restore_points p
           where p.instance_id = w.instance and (p.layer_uid = w.uid or p.uid = o.snapshot_uid) limit 1) p on true`,
      [wanted.map(({ instance }) => instance), wanted.map(({ uid }) => uid)],
    );
    return new Map(rows.map(({ uid, ...facts }) => [uid, facts]));
  }
}
