import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, ServiceUnavailableError } from '@varve/core';
import type { MigrationInterface } from 'typeorm';
import { DataSource } from 'typeorm';
import { CatalogTx } from './catalog-tx.js';
import type { DatabaseSettings } from './data-source-options.js';
import { dataSourceOptions } from './data-source-options.js';
import { asServiceError, isConnectionLost, isContention, isOverload, unavailable } from './database-errors.js';
import type { Log } from './log.js';
import { Listener } from './listener.js';

/** "varve" in ASCII. Any number will do, as long as nobody else in this database takes it. */
const MIGRATION_LOCK = 0x7661727665;
const ATTEMPTS = 3;

type Lock = { mine: boolean };

/**
 * The catalog's database. May be away at any time: what is asked for meanwhile fails with
 * {@link ServiceUnavailableError}, and works again as soon as the database does.
 */
export class Catalog {
  private readonly source: DataSource;
  private readonly stopping = new AbortController();
  private opened = false;

  constructor(
    private readonly settings: DatabaseSettings,
    migrations: readonly (new () => MigrationInterface)[],
    private readonly log: Log,
  ) {
    this.source = new DataSource(
      dataSourceOptions(settings, migrations, (error) => log.warn({ err: error }, 'an idle database connection broke')),
    );
  }

  /** Connected once, and the schema is ours. Says nothing about whether the database is there right now. */
  get ready(): boolean {
    return this.opened && !this.stopping.signal.aborted;
  }

  /**
   * Connects and brings the schema up to date. Waits for a database that is away, for as long as it takes.
   *
   * @throws when the database refuses us for another reason, such as a wrong password
   */
  async open(): Promise<void> {
    for (let wait = 250; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        if (!this.source.isInitialized) await this.source.initialize();
        await this.migrate();
        this.stopping.signal.throwIfAborted();
        this.opened = true;
        return;
      } catch (error) {
        this.stopping.signal.throwIfAborted();
        if (!isConnectionLost(error) && !isOverload(error)) throw error;
        this.log.warn({ reason: String(error), waitMs: wait }, 'the database is not available yet');
        await sleep(wait, undefined, { signal: this.stopping.signal });
      }
    }
  }

  /** Several processes that start at once on an empty database would race; the first one in does it. */
  private async migrate(): Promise<void> {
    const runner = this.source.createQueryRunner();
    try {
      // Not pg_advisory_lock: waiting inside the server would run into the time limits of every other statement.
      for (;;) {
        const [row] = (await runner.query('select pg_try_advisory_lock($1) as mine', [MIGRATION_LOCK])) as Lock[];
        if (row?.mine) break;
        await sleep(100, undefined, { signal: this.stopping.signal });
      }
      try {
        const done = await this.source.runMigrations({ transaction: 'each' });
        if (done.length > 0) this.log.info({ migrations: done.map(({ name }) => name) }, 'schema brought up to date');
      } finally {
        await runner.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      }
    } finally {
      await runner.release();
    }
  }

  /**
   * All or nothing. `work` may run again when the connection broke or two transactions were in each other's way, so
   * that it must do nothing but what the transaction takes back.
   *
   * @throws {ServiceUnavailableError} the database is away. Whether it was committed is unknown only when the
   *   connection broke in that very moment: callers make requests that can be made twice.
   */
  async transaction<T>(work: (tx: CatalogTx) => Promise<T>): Promise<T> {
    this.assertReady();
    for (let attempt = 1; ; attempt++) {
      const runner = this.source.createQueryRunner();
      let committing = false;
      try {
        await runner.startTransaction();
        const result = await work(new CatalogTx(runner.manager));
        committing = true;
        await runner.commitTransaction();
        return result;
      } catch (error) {
        // A broken connection can't roll back, and needs not to: its transaction is gone. The first error tells more.
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        // Between two queries, TypeORM's only sign of a broken connection is that it took the runner away.
        const isLost = isConnectionLost(error) || (runner.isReleased && !(error instanceof ServiceError));
        const again = isContention(error) || (isLost && !committing);
        if (!again || attempt === ATTEMPTS) throw isLost ? unavailable(error) : asServiceError(error);
      } finally {
        await runner.release();
      }
    }
  }

  /** Reads outside a transaction; asked once more when the pool had only a dead connection to give. */
  async read<T>(work: (tx: CatalogTx) => Promise<T>): Promise<T> {
    this.assertReady();
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(new CatalogTx(this.source.manager));
      } catch (error) {
        if (!isConnectionLost(error) || attempt === ATTEMPTS) throw asServiceError(error);
      }
    }
  }

  /**
   * Runs `work` in a transaction, unless another process is at this duty now.
   *
   * @returns `null`: another one is
   */
  async alone<T>(duty: string, work: (tx: CatalogTx) => Promise<T>): Promise<T | null> {
    return this.transaction(async (tx) => {
      const [row] = await tx.query<{ mine: boolean }>(
        `select pg_try_advisory_xact_lock(hashtextextended('varve:' || $1, 0)) as mine`,
        [duty],
      );
      return row?.mine ? work(tx) : null;
    });
  }

  /** @throws {ServiceUnavailableError} */
  async ping(): Promise<void> {
    await this.read((tx) => tx.query('select 1'));
  }

  /** @param onConnected - the connection is new: whatever was told in between was missed */
  listen(
    channels: string | readonly string[],
    onMessage: (payload: string, channel: string) => void,
    onConnected: () => void,
  ): Listener {
    return new Listener(this.settings, [channels].flat(), onMessage, onConnected, this.log);
  }

  async close(): Promise<void> {
    this.stopping.abort(new ServiceUnavailableError('The catalog was closed'));
    if (this.source.isInitialized) await this.source.destroy();
  }

  private assertReady(): void {
    if (!this.ready) throw new ServiceUnavailableError('The catalog is not available yet; try again');
  }
}
