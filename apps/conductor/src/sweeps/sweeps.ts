import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import { Catalog } from '@varve/catalog';
import type { Log } from '@varve/catalog';
import { OutcomeUnknownError, problemOf, ServiceUnavailableError } from '@varve/core';
import { Broker } from '@varve/messaging';
import { LAYER_STORE } from '@varve/ports';
import type { LayerStore } from '@varve/ports';
import type { ConductorConfig } from '../config.js';
import { Metrics } from '../system/metrics.js';
import { CONFIG, LOG } from '../tokens.js';
import { discardUnclaimed, removeDiscarded } from './layers.js';
import { giveUpOnUnheardOf } from './unheard-of.js';

/** How long after its operation's end the event that brings a snapshot's layer may still be on its way. */
const LAYER_LATE_S = 600;
const TIDY_EVERY_S = 600;

/** Settles what no event will settle. Each sweep is one conductor's at a time. */
@Injectable()
export class Sweeps implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly running = new Map<string, Promise<void>>();
  /** Since when sweeps have gone well here: before, the hosts' silence may have been our own deafness. */
  private hearingSince: number | null = null;

  constructor(
    private readonly catalog: Catalog,
    private readonly broker: Broker,
    @Inject(LAYER_STORE) private readonly store: Pick<LayerStore, 'delete'>,
    private readonly metrics: Metrics,
    private readonly scheduler: SchedulerRegistry,
    @Inject(CONFIG) private readonly config: ConductorConfig,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    const every = this.config.sweepIntervalS;
    this.repeat('unheard-of', every, () => this.sweepOperations());
    this.repeat('restore-points', every, () => this.sweepRestorePoints());
    this.repeat('layers', every, () => this.sweepLayers());
    this.repeat('gauges', every, () => this.measure());
    this.repeat('tidy', TIDY_EVERY_S, () => this.catalog.transaction((tx) => tx.housekeeping.tidy()));
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const name of this.scheduler.getIntervals()) this.scheduler.deleteInterval(name);
    await Promise.all(this.running.values());
  }

  /** A sweep that takes longer than its interval skips the next one. */
  private repeat(name: string, everyS: number, sweep: () => Promise<void>): void {
    const tick = (): void => {
      if (this.running.has(name) || !this.catalog.ready) return;
      const run = this.alone(name, sweep).finally(() => this.running.delete(name));
      this.running.set(name, run);
    };
    this.scheduler.addInterval(name, setInterval(tick, everyS * 1_000));
  }

  private async alone(name: string, sweep: () => Promise<void>): Promise<void> {
    try {
      await this.catalog.alone(`sweep ${name}`, () => sweep());
    } catch (error) {
      this.hearingSince = null;
      if (error instanceof ServiceUnavailableError) this.log.warn({ err: error, name }, 'a sweep has to wait');
      else this.log.error({ err: error, name }, 'a sweep failed');
    }
  }

  private async sweepOperations(): Promise<void> {
    const { hostDownAfterS, hostGoneAfterS } = this.config;
    const connectedSince = this.broker.connectedSince?.getTime();
    if (connectedSince === undefined) {
      this.hearingSince = null;
      return;
    }
    this.hearingSince = Math.max(this.hearingSince ?? Date.now(), connectedSince);
    if (Date.now() - this.hearingSince < hostDownAfterS * 1_000) return;
    this.metrics.settled.inc(await giveUpOnUnheardOf(this.catalog, hostGoneAfterS, this.log));
  }

  private async sweepRestorePoints(): Promise<void> {
    const problem = problemOf(new OutcomeUnknownError('The operation ended and no layer came of it'));
    const uids = await this.catalog.transaction((tx) => tx.restorePoints.givenUp(LAYER_LATE_S, problem));
    if (uids.length > 0) this.log.warn({ snapshots: uids }, 'given up: their operations ended without a layer');
  }

  private async sweepLayers(): Promise<void> {
    await discardUnclaimed(this.catalog);
    this.metrics.removed.inc(await removeDiscarded(this.catalog, this.store, this.log));
  }

  private async measure(): Promise<void> {
    const { pending, discarded } = await this.catalog.read(async (tx) => ({
      pending: await tx.outbox.pending(),
      discarded: await tx.housekeeping.discardedLeft(),
    }));
    this.metrics.outboxPending.set(pending.count);
    this.metrics.outboxAge.set(pending.oldestSeconds);
    this.metrics.discarded.set(discarded);
  }
}
