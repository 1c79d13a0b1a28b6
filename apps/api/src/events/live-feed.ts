import type { MessageEvent, OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Inject, Injectable } from '@nestjs/common';
import { Catalog, chainView, operationView } from '@varve/catalog';
import type { Log } from '@varve/catalog';
import type { InstanceId, OperationId, ProjectId } from '@varve/core';
import { filter, finalize, map, merge, Observable, of, Subject, takeUntil } from 'rxjs';
import { Metrics } from '../system/metrics.js';
import { LOG } from '../tokens.js';
import { Batches } from './batches.js';
import { Changes } from './changes.js';

/** At most so many looks a second at what changed, whoever watches; and so no more views of one operation. */
const SHORTEST_MS = 100;
/** Chains of which is remembered what was told last. */
const MOST_CHAINS = 10_000;

interface Told {
  readonly projectId: ProjectId;
  readonly instanceId: InstanceId;
  readonly message: MessageEvent;
}

/** Whom events are for. */
export interface Audience {
  /** `null`: everybody's. */
  readonly project: ProjectId | null;
  readonly instance: InstanceId | undefined;
}

/**
 * All that changes, for as many watchers as like: a row that changed is looked at once, and what it shows now goes to
 * those who may see it. Nothing is looked at while nobody watches.
 */
@Injectable()
export class LiveFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly told = new Subject<Told>();
  private readonly stopped = new Subject<void>();
  private readonly operations = new Batches(
    (ids) => this.lookAt(ids, (these) => this.tellOperations(these)),
    SHORTEST_MS,
  );
  private readonly instances = new Batches(
    (ids) => this.lookAt(ids, (these) => this.tellInstances(these)),
    SHORTEST_MS,
  );
  private readonly chains = new Map<InstanceId, string>();

  constructor(
    private readonly catalog: Catalog,
    private readonly changes: Changes,
    private readonly metrics: Metrics,
    @Inject(LOG) private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.changes.operations.pipe(takeUntil(this.stopped)).subscribe((id) => {
      if (this.told.observed) this.operations.changed(id);
    });
    this.changes.instances.pipe(takeUntil(this.stopped)).subscribe((id) => {
      if (this.told.observed) this.instances.changed(id);
    });
  }

  onApplicationShutdown(): void {
    this.operations.stop();
    this.instances.stop();
    this.stopped.next();
  }

  /** `ready` first, and again whenever something may have been missed; then whatever changes. Ends with the process. */
  watch({ project, instance }: Audience): Observable<MessageEvent> {
    const own = this.told.pipe(
      filter((one) => project === null || one.projectId === project),
      filter((one) => instance === undefined || one.instanceId === instance),
      map(({ message }) => message),
    );
    const ready = (): MessageEvent => ({ type: 'ready', data: {} });
    return new Observable((subscriber) => {
      this.metrics.watchers.inc();
      // In this order: what changes right after `ready` is told.
      return merge(own, this.changes.missed.pipe(map(ready)), of(ready()))
        .pipe(
          takeUntil(this.stopped),
          finalize(() => this.metrics.watchers.dec()),
        )
        .subscribe(subscriber);
    });
  }

  /** While the database is away there is nothing to tell; once it is back, all are told to ask anew. */
  private async lookAt(ids: readonly string[], tell: (ids: readonly string[]) => Promise<void>): Promise<void> {
    try {
      if (this.told.observed) await tell(ids);
    } catch (error) {
      this.log.debug({ err: error, rows: ids.length }, 'what changed could not be looked at');
    }
  }

  private async tellOperations(ids: readonly string[]): Promise<void> {
    const rows = await this.catalog.read((tx) => tx.operations.byIds(ids as readonly OperationId[]));
    for (const row of rows) {
      const { projectId, instanceId } = row;
      this.told.next({ projectId, instanceId, message: { type: 'operation', data: operationView(row) } });
    }
  }

  private async tellInstances(ids: readonly string[]): Promise<void> {
    const [rows, facts] = await this.catalog.read(async (tx) => {
      const found = await tx.instances.byIds(ids as readonly InstanceId[]);
      return [found, await tx.chains.factsOfAll(found)] as const;
    });
    for (const row of rows) {
      const { projectId, id } = row;
      this.told.next({ projectId, instanceId: id, message: { type: 'instance', data: { id } } });
      if (row.chain === null) continue;
      // Of everything that may change of an instance, the chain is the least.
      const { observedAt, ...chain } = chainView(row, facts);
      const text = JSON.stringify(chain);
      if (this.chains.get(id) === text) continue;
      this.remember(id, text);
      this.told.next({ projectId, instanceId: id, message: { type: 'chain', data: { ...chain, observedAt } } });
    }
  }

  private remember(id: InstanceId, chain: string): void {
    this.chains.delete(id);
    const oldest = this.chains.size >= MOST_CHAINS ? this.chains.keys().next().value : undefined;
    if (oldest !== undefined) this.chains.delete(oldest);
    this.chains.set(id, chain);
  }
}
