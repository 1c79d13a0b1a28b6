import type { InstanceId, LayerUid, SnapshotUid } from '@varve/core';
import type { EntityManager } from 'typeorm';

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
  async facts(instance: InstanceId, uids: readonly LayerUid[]): Promise<Map<LayerUid, LayerFacts>> {
    const rows: ({ uid: LayerUid } & LayerFacts)[] = await this.db.query(
      `select w.uid, l.uid is not null as stored, p.uid as "snapshotUid", p.name as "snapshotName"
       from unnest($2::uuid[]) as w (uid)
         left join layers l on l.uid = w.uid and l.instance_id = $1
         left join operations o on o.layer_uid = w.uid and o.instance_id = $1
         left join restore_points p on p.instance_id = $1 and (p.layer_uid = w.uid or p.uid = o.snapshot_uid)`,
      [instance, uids],
    );
    return new Map(rows.map(({ uid, ...facts }) => [uid, facts]));
  }
}
