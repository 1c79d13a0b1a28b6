import type { EventOf } from '@varve/contracts';
import type { HostName } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { HostEntity } from './host.entity.js';

export class HostsRepository {
  constructor(private readonly db: EntityManager) {}

  /**
   * Records a heartbeat, unless a newer one has been. A host whose clock was set back counts again after 20 s.
   *
   * @returns whether it was the newest
   */
  async heard(heartbeat: EventOf<'host.heartbeat'>): Promise<boolean> {
    const { data, time } = heartbeat;
    const rows: unknown[] = await this.db.query(
      `insert into hosts (name, version, versions, free_bytes, open_journals, started_at, reported_at, settings, seen_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now())
       on conflict (name) do update set version = excluded.version, versions = excluded.versions,
         free_bytes = excluded.free_bytes, open_journals = excluded.open_journals, started_at = excluded.started_at,
         reported_at = excluded.reported_at, settings = excluded.settings, seen_at = excluded.seen_at
       where hosts.reported_at <= excluded.reported_at or hosts.seen_at < now() - interval '20 seconds'
       returning name`,
      [
        data.host,
        data.version,
        data.versions,
        data.freeBytes,
        data.openJournals,
        data.startedAt,
        time,
        data.settings ?? {},
      ],
    );
    return rows.length > 0;
  }

  /** Whether it has been heard of within so many seconds. */
  async isUp(name: HostName, withinSeconds: number): Promise<boolean> {
    const rows: unknown[] = await this.db.query(
      `select 1 from hosts where name = $1 and seen_at > now() - make_interval(secs => $2)`,
      [name, withinSeconds],
    );
    return rows.length > 0;
  }

  /** By name, with how many instances each reports now. */
  async page(
    limit: number,
    after: string | undefined,
    upWithinSeconds: number,
  ): Promise<{ host: HostEntity; instances: number; up: boolean }[]> {
    const hosts = this.db.createQueryBuilder(HostEntity, 'host').orderBy('host.name').take(limit);
    if (after !== undefined) hosts.where('host.name > :after', { after });
    const rows = await hosts.getMany();
    const facts: { name: string; instances: string; up: boolean }[] = await this.db.query(
      `select name, seen_at > now() - make_interval(secs => $2) as up,
         (select count(*) from instances i where i.host = hosts.name and i.state <> 'unknown') as instances
       from hosts where name = any($1)`,
      [rows.map(({ name }) => name), upWithinSeconds],
    );
    return rows.map((host) => {
      const fact = facts.find(({ name }) => name === host.name);
      return { host, instances: Number(fact?.instances ?? 0), up: fact?.up ?? false };
    });
  }
}
