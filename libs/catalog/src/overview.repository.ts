import type { OverviewView, Protection, StorageHistory } from '@varve/contracts';
import type { InstanceId, ProjectId } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { PROTECTION } from './instance-page.js';

/** All of one project, or of all, at a glance. */
export class OverviewRepository {
  constructor(private readonly db: EntityManager) {}

  /** @param project - `null`: of all projects */
  async instances(
    project: ProjectId | null,
  ): Promise<
    Pick<
      OverviewView,
      | 'instances'
      | 'lastPointAges'
      | 'restorePoints'
      | 'newestRestorePointAt'
      | 'storedBytes'
      | 'fullCopiesBytes'
      | 'at'
    >
  > {
    const age = (from: string, to: string): string =>
      `count(*) filter (where last_point_at > now() - interval '${to}' and last_point_at <= ${from})`;
    const one = (protection: Protection): string => `count(*) filter (where protection = '${protection}')`;
    const [row]: Record<string, string | Date | null>[] = await this.db.query(
      `select count(*) as total, ${one('protected')} as protected, ${one('failing')} as failing,
         ${one('unprotected')} as unprotected, ${one('unsupported')} as unsupported,
         ${age(`'infinity'`, '1 hour')} as hour, ${age(`now() - interval '1 hour'`, '1 day')} as day,
         ${age(`now() - interval '1 day'`, '7 days')} as week,
         count(*) filter (where last_point_at <= now() - interval '7 days') as older,
         coalesce(sum(restore_points), 0) as points, max(last_point_at) as newest,
         coalesce(sum(stored_bytes), 0) as stored, coalesce(sum(full_bytes), 0) as full, now() as at
       from (select ${PROTECTION} as protection, s.* from ${INSTANCES} where ${OF_PROJECT}) as known`,
      [project],
    );
    const number = (name: string): number => Number(row?.[name] ?? 0);
    const time = (name: string): string | null => (row?.[name] instanceof Date ? row[name].toISOString() : null);
    return {
      instances: {
        total: number('total'),
        protected: number('protected'),
        failing: number('failing'),
        unprotected: number('unprotected'),
        unsupported: number('unsupported'),
      },
      lastPointAges: { hour: number('hour'), day: number('day'), week: number('week'), older: number('older') },
      restorePoints: number('points'),
      newestRestorePointAt: time('newest'),
      storedBytes: number('stored'),
      fullCopiesBytes: number('full'),
      at: time('at') ?? new Date().toISOString(),
    };
  }

  /** Whose newest point is the oldest, among those that Nova has not deleted: nobody takes points of what is gone. */
  async stalest(project: ProjectId | null): Promise<OverviewView['stalest']> {
    const [row]: { instanceId: InstanceId; name: string; at: Date }[] = await this.db.query(
      `select i.id as "instanceId", i.name, s.last_point_at as at from ${INSTANCES}
       where ${OF_PROJECT} and s.last_point_at is not null and f.deleted_at is null
       order by s.last_point_at, i.id limit 1`,
      [project],
    );
    return row ? { ...row, at: row.at.toISOString() } : null;
  }

  async operations(project: ProjectId | null): Promise<OverviewView['operations']> {
    const [row]: { queued: string; running: string; failed: string }[] = await this.db.query(
      `select count(*) filter (where state = 'queued') as queued, count(*) filter (where state = 'running') as running,
         (select count(*) from operations where state = 'failed' and finished_at > now() - interval '1 day'
           and ($1::text is null or project_id = $1)) as failed
       from operations where state in ('queued', 'running') and ($1::text is null or project_id = $1)`,
      [project],
    );
    return {
      queued: Number(row?.queued ?? 0),
      running: Number(row?.running ?? 0),
      failedLastDay: Number(row?.failed ?? 0),
    };
  }

  async hosts(upWithinSeconds: number): Promise<NonNullable<OverviewView['hosts']>> {
    const [row]: { up: string; down: string }[] = await this.db.query(
      `select count(*) filter (where is_up) as up, count(*) filter (where not is_up) as down
       from (select seen_at > now() - make_interval(secs => $1) as is_up from hosts) as known`,
      [upWithinSeconds],
    );
    return { up: Number(row?.up ?? 0), down: Number(row?.down ?? 0) };
  }

  /** When the first layer that is still there was stored; `null`: there is none. */
  async firstStoredAt(project: ProjectId | null): Promise<Date | null> {
    const [row]: { at: Date | null }[] = await this.db.query(
      `select min(created_at) as at from layers where $1::text is null or project_id = $1`,
      [project],
    );
    return row?.at ?? null;
  }

  /**
   * What there was at each of these moments of what is there still.
   *
   * @param times - rising
   */
  async storage(project: ProjectId | null, times: readonly Date[]): Promise<StorageHistory['items']> {
    const rows: { before: number; stored: string; points: string; full: string }[] = await this.db.query(
      `select width_bucket(l.created_at - interval '1 ms', $2::timestamptz[]) as before, sum(l.object_bytes) as stored,
         count(p.uid) as points, coalesce(sum(l.virtual_size_bytes) filter (where p.uid is not null), 0) as full
       from layers l left join restore_points p on p.layer_uid = l.uid and p.status in ('available', 'restoring')
       where $1::text is null or l.project_id = $1 group by 1`,
      [project, times],
    );
    // How many of the moments were before the layer: it is there from the next one on.
    const gained = new Map(rows.map((row) => [row.before, row]));
    const sum = { storedBytes: 0, fullCopiesBytes: 0, restorePoints: 0 };
    return times.map((at, index) => {
      const more = gained.get(index);
      sum.storedBytes += Number(more?.stored ?? 0);
      sum.fullCopiesBytes += Number(more?.full ?? 0);
      sum.restorePoints += Number(more?.points ?? 0);
      return { at: at.toISOString(), ...sum };
    });
  }
}

const INSTANCES = `instances i join instance_summaries s on s.instance_id = i.id
  left join compute_facts f on f.instance_id = i.id`;
const OF_PROJECT = `($1::text is null or i.project_id = $1)`;
