import type { BeforeApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { AuditEntry, AuditRepository, Log } from '@varve/catalog';
import { LOG } from '../tokens.js';

/** One line of the audit log stands for what came from one address, for one reason, in this time; milliseconds. */
const WINDOW_MS = 60_000;
/** How soon the log counts what came since; milliseconds. */
const COUNT_AFTER_MS = 1_000;
/** Addresses apart within a minute. Whoever has more of them than that is one. */
const MOST_CLIENTS = 1_000;
const OTHERS = 'others';

interface Line {
  /** `null`: it could not be written. */
  readonly id: Promise<string | null>;
  readonly until: number;
  /** Not yet in the log. */
  more: number;
}

type Audit = <T>(work: (audit: AuditRepository) => Promise<T>) => Promise<T>;

/**
 * Tokens that are none, in the audit log: anybody can send as many as they like, so that the lines must not grow with them.
 * The first of an address and reason is written at once, and the others of that minute are added up on its line.
 */
@Injectable()
export class UnknownCallers implements BeforeApplicationShutdown {
  private readonly lines = new Map<string, Line>();
  private timer: NodeJS.Timeout | null = null;
  private readonly audit: Audit;

  constructor(
    catalog: Catalog,
    @Inject(LOG) private readonly log: Log,
  ) {
    this.audit = (work) => catalog.read((tx) => work(tx.audit));
  }

  async note(entry: AuditEntry, client: string, now = Date.now()): Promise<void> {
    for (const [key, { until, more }] of this.lines) if (until <= now && more === 0) this.lines.delete(key);
    const own = `${client} ${entry.code ?? ''}`;
    const isKept = this.lines.has(own) || this.lines.size < MOST_CLIENTS;
    const [who, key] = isKept ? [client, own] : [OTHERS, `${OTHERS} ${entry.code ?? ''}`];
    const line = this.lines.get(key);
    if (line && line.until > now) {
      line.more++;
      this.timer ??= setTimeout(() => void this.count(), COUNT_AFTER_MS).unref();
      return;
    }
    if (line) await this.add(line);
    const id = this.write({ ...entry, client: who });
    this.lines.set(key, { id, until: now + WINDOW_MS, more: 0 });
    await id;
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.count();
  }

  private async count(): Promise<void> {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    for (const line of this.lines.values()) await this.add(line);
  }

  private async write(entry: AuditEntry): Promise<string | null> {
    try {
      return await this.audit((audit) => audit.add(entry));
    } catch (error) {
      this.log.error({ err: error, ...entry }, 'a denial is not in the audit log');
      return null;
    }
  }

  private async add(line: Line): Promise<void> {
    const { more } = line;
    const id = await line.id;
    if (more === 0 || id === null) return;
    line.more -= more;
    try {
      await this.audit((audit) => audit.again(id, more));
    } catch (error) {
      this.log.error({ err: error, line: id, more }, 'denials are not counted in the audit log');
    }
  }
}
