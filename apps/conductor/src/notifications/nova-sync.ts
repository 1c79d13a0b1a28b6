import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { KeystoneSession, NovaApi } from '@varve/adapters';
import { Catalog } from '@varve/catalog';
import type { Log } from '@varve/catalog';
import { ServiceUnavailableError } from '@varve/core';
import type { ConductorConfig } from '../config.js';
import { Metrics } from '../system/metrics.js';
import { CONFIG, LOG } from '../tokens.js';
import { reconcile } from './nova-reconciliation.js';
import { expireOrphans } from './orphans.js';

/** Often enough that a deleted instance's many points don't take days, one after another. */
const ORPHANS_EVERY_S = 5;

/** What is done about Nova every so often; by one conductor at a time. */
@Injectable()
export class NovaSync implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly running = new Map<string, Promise<void>>();

  constructor(
    private readonly catalog: Catalog,
    private readonly metrics: Metrics,
    private readonly scheduler: SchedulerRegistry,
    @Inject(CONFIG) private readonly config: Pick<ConductorConfig, 'nova'>,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const { nova: settings } = this.config;
    if (!settings) return;
    const nova = new NovaApi(new KeystoneSession(settings.keystone));
    this.repeat('nova-reconciliation', settings.reconcileIntervalS, async () => {
      this.metrics.servers.set(await reconcile(this.catalog, nova, this.log));
      await this.catalog.transaction((tx) => tx.compute.tidy());
    });
    this.repeat('nova-orphans', ORPHANS_EVERY_S, async () => {
      await expireOrphans(this.catalog, settings.orphanKeepDays, this.log);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.running.values());
  }

  /** One that takes longer than its interval skips the next. */
  private repeat(name: string, everyS: number, work: () => Promise<void>): void {
    const tick = (): void => {
      if (this.running.has(name) || !this.catalog.ready) return;
      const run = this.alone(name, work).finally(() => this.running.delete(name));
      this.running.set(name, run);
    };
    this.scheduler.addInterval(name, setInterval(tick, everyS * 1_000));
  }

  private async alone(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await this.catalog.alone(`sweep ${name}`, () => work());
    } catch (error) {
      if (error instanceof ServiceUnavailableError) this.log.warn({ err: error, name }, 'Nova or the database is away');
      else this.log.error({ err: error, name }, 'keeping up with Nova failed');
    }
  }
}
