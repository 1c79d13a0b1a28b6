import { setTimeout as sleep } from 'node:timers/promises';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { CatalogTx, Log } from '@varve/catalog';
import { ServiceUnavailableError } from '@varve/core';
import type { Delivery } from '@varve/messaging';
import type { ConductorConfig } from '../config.js';
import { Metrics } from '../system/metrics.js';
import { CONFIG, LOG } from '../tokens.js';
import { readNovaMessage } from './nova-message.js';
import type { NovaNews } from './nova-message.js';
import { consumeNovaQueue } from './nova-queue.js';
import type { NovaQueue } from './nova-queue.js';

/** Takes what Nova notifies into the catalog. Notifications may be lost: {@link NovaReconciliation} finds the same. */
@Injectable()
export class NovaNotifications implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private queue: NovaQueue | null = null;
  private readonly stopping = new AbortController();

  constructor(
    private readonly catalog: Catalog,
    private readonly metrics: Metrics,
    @Inject(CONFIG) private readonly config: Pick<ConductorConfig, 'nova'>,
    @Inject(LOG) private readonly log: Log,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const settings = this.config.nova?.notifications;
    if (settings) this.queue = await consumeNovaQueue(settings, (delivery) => this.handle(delivery), this.log);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.queue?.close();
  }

  /** Never given back: what can't be used now can't be later, and the next one says the same again. */
  private async handle(delivery: Delivery): Promise<void> {
    const news = readNovaMessage(jsonOf(delivery), new Date());
    if (news) await this.whenAvailable(delivery, news);
    this.metrics.notified.inc({ used: String(news !== null) });
  }

  private async whenAvailable(delivery: Delivery, news: NovaNews): Promise<void> {
    const signal = AbortSignal.any([delivery.signal, this.stopping.signal]);
    for (let wait = 100; ; wait = Math.min(wait * 2, 5_000)) {
      try {
        return await this.catalog.transaction((tx) => recordNews(tx, news));
      } catch (error) {
        if (signal.aborted) throw error;
        if (!(error instanceof ServiceUnavailableError)) {
          const { eventType, observation } = news;
          const facts = { err: error, eventType, instance: observation.instanceId };
          this.log.error(facts, 'a notification of Nova could not be recorded; the reconciliation will');
          return;
        }
        await sleep(wait, undefined, { signal });
      }
    }
  }
}

/** In any order, again and again, with gaps: it ends in the same rows. */
export async function recordNews(
  tx: CatalogTx,
  { observation, rootChange }: Pick<NovaNews, 'observation' | 'rootChange'>,
): Promise<void> {
  await tx.compute.observe(observation);
  if (rootChange) await tx.compute.rootChanged(rootChange);
  await tx.compute.apply(observation.instanceId);
}

function jsonOf(delivery: Delivery): unknown {
  try {
    return delivery.json();
  } catch {
    return null; // no JSON, and so no notification
  }
}
