import type { SnapshotEstimate } from '@varve/contracts';
import type { EntityManager } from 'typeorm';
import type { InstanceEntity } from './instance.entity.js';

type Expected = SnapshotEstimate['stall'];

/** Of so many, the newest; older ones say less of what is to come. */
const LAST = 20;

interface Scope {
  readonly of: NonNullable<Expected>['of'];
  readonly where: string;
}

/** The nearest first. */
const SCOPES: readonly Scope[] = [
  { of: 'instance', where: 'o.instance_id = $1' },
  { of: 'host', where: 'o.host = $1' },
  { of: 'all', where: '$1::text is null' },
];

/** What the last operations of a kind were like: the instance's own, else its host's, else all. */
export class ExpectationsRepository {
  constructor(private readonly db: EntityManager) {}

  /** How long the guest waited. */
  stall(instance: Pick<InstanceEntity, 'id' | 'host'>): Promise<Expected> {
    return this.expect(instance, `join restore_points p on p.uid = o.snapshot_uid`, SNAPSHOT, 'p.stall_ms');
  }

  /** From the request until it was stored and verified. */
  duration(instance: Pick<InstanceEntity, 'id' | 'host'>): Promise<Expected> {
    const ms = 'greatest(0, extract(epoch from p.available_at - p.created_at) * 1000)::double precision';
    return this.expect(instance, `join restore_points p on p.uid = o.snapshot_uid`, SNAPSHOT, ms);
  }

  /** From the request to stop until it ran again. */
  downtime(instance: Pick<InstanceEntity, 'id' | 'host'>): Promise<Expected> {
    return this.expect(instance, '', `o.kind in ('rollback', 'undo')`, 'o.downtime_ms');
  }

  private async expect(
    { id, host }: Pick<InstanceEntity, 'id' | 'host'>,
    join: string,
    which: string,
    ms: string,
  ): Promise<Expected> {
    for (const { of, where } of SCOPES) {
      const [row]: { samples: string; ms: number | null }[] = await this.db.query(
        `select count(*) as samples, percentile_cont(0.5) within group (order by ms) as ms
         from (select ${ms} as ms from operations o ${join}
           where ${where} and ${which} and o.state = 'succeeded' and ${ms} is not null
           order by o.created_at desc limit ${LAST}) as last`,
        [of === 'instance' ? id : of === 'host' ? host : null],
      );
      if (row?.ms != null) return { ms: row.ms, samples: Number(row.samples), of };
    }
    return null;
  }
}

const SNAPSHOT = `o.kind = 'snapshot'`;
