import type { Branches, InstanceId, OperationId, SnapshotUid, Turn } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { RestorePointEntity } from './restore-point.entity.js';

/** Many points of one branch. */
export interface PointGroup {
  readonly from: Date;
  readonly branch: number;
  readonly available: number;
  readonly failed: number;
  readonly changedBytes: number;
  readonly newest: { readonly uid: SnapshotUid; readonly sealedAt: Date } | null;
}

export interface Range {
  readonly from: Date;
  readonly to: Date;
}

/** As the index `restore_points_in_time` has it: what never was sealed lies where it was asked for. */
const AT = 'coalesce(p.sealed_at, p.created_at)';

/** An instance's restore points in time. */
export class TimelineRepository {
  constructor(private readonly db: EntityManager) {}

  async turns(instance: InstanceId): Promise<Turn[]> {
    const rows: { id: OperationId; epoch: string; at: Date; target: SnapshotUid | null; undoes: OperationId | null }[] =
      await this.db.query(
        `select id, epoch, finished_at as at, undoes, case when kind = 'rollback' then snapshot_uid end as target
         from operations where instance_id = $1 and kind in ('rollback', 'undo') and state = 'succeeded' order by epoch`,
        [instance],
      );
    return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
  }

  /** Of all its points; `null`: it has none. */
  async extent(instance: InstanceId): Promise<Range | null> {
    const end = (order: string): string =>
      `(select ${AT} from restore_points p where p.instance_id = $1 order by ${AT} ${order} limit 1)`;
    const [row]: { from: Date | null; to: Date | null }[] = await this.db.query(
      `select ${end('asc')} as from, ${end('desc')} as to`,
      [instance],
    );
    return row?.from && row.to ? { from: row.from, to: row.to } : null;
  }

  async count(instance: InstanceId, { from, to }: Range): Promise<number> {
    const [row]: { count: string }[] = await this.db.query(
      `select count(*) from restore_points p where p.instance_id = $1 and ${AT} between $2 and $3`,
      [instance, from, to],
    );
    return Number(row?.count ?? 0);
  }

  /** Oldest first. */
  points(instance: InstanceId, { from, to }: Range): Promise<RestorePointEntity[]> {
    const at = 'coalesce(point.sealedAt, point.createdAt)';
    return this.db
      .createQueryBuilder(RestorePointEntity, 'point')
      .where(`point.instanceId = :instance and ${at} between :from and :to`, { instance, from, to })
      .addSelect(at, 'happened_at')
      .orderBy('happened_at')
      .addOrderBy('point.uid')
      .getMany();
  }

  /**
   * In groups of the same length of time, oldest first.
   *
   * @param stepMs - milliseconds
   */
  async groups(instance: InstanceId, { from, to }: Range, { spans }: Branches, stepMs: number): Promise<PointGroup[]> {
    const rows: {
      from: Date;
      branch: number;
      available: string;
      failed: string;
      changed: string;
      newest: SnapshotUid | null;
      sealedAt: Date | null;
    }[] = await this.db.query(
      `select date_bin(make_interval(secs => $4::double precision / 1000), ${AT}, $2) as from,
         ($6::integer[])[width_bucket(p.epoch, $5::bigint[])] as branch,
         count(*) filter (where ${CAN_GO_BACK}) as available, count(*) filter (where p.status = 'error') as failed,
         coalesce(sum(l.changed_bytes), 0) as changed,
         (array_agg(p.uid order by p.sealed_at desc, p.uid desc) filter (where ${CAN_GO_BACK}))[1] as newest,
         max(p.sealed_at) filter (where ${CAN_GO_BACK}) as "sealedAt"
       from restore_points p left join layers l on l.uid = p.layer_uid and l.instance_id = $1
       where p.instance_id = $1 and ${AT} between $2 and $3
       group by 1, 2 order by 1, 2`,
      // Whatever was before the first turn has an epoch of 0 at least.
      [instance, from, to, stepMs, spans.map(({ by }) => by?.epoch ?? -1), spans.map(({ branch }) => branch)],
    );
    return rows.map((row) => ({
      from: row.from,
      branch: row.branch,
      available: Number(row.available),
      failed: Number(row.failed),
      changedBytes: Number(row.changed),
      newest: row.newest && row.sealedAt ? { uid: row.newest, sealedAt: row.sealedAt } : null,
    }));
  }

  /** When the points of these uids were, as far as they are there. */
  async sealedAt(uids: readonly SnapshotUid[]): Promise<Map<SnapshotUid, Date>> {
    const rows: { uid: SnapshotUid; at: Date }[] = await this.db.query(
      `select uid, sealed_at as at from restore_points where uid = any($1) and sealed_at is not null`,
      [uids],
    );
    return new Map(rows.map(({ uid, at }) => [uid, at]));
  }

  /** The restore point that the host's chain stands on; `null`: none is known, or it was deleted. */
  async here(instance: InstanceId): Promise<SnapshotUid | null> {
    const [row]: { uid: SnapshotUid }[] = await this.db.query(
      `select p.uid from instances i join restore_points p on p.layer_uid = i.head_layer_uid where i.id = $1`,
      [instance],
    );
    return row?.uid ?? null;
  }
}

const CAN_GO_BACK = `p.status in ('available', 'restoring')`;
