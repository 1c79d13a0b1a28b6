import { jobsQueueOf } from '@varve/contracts';
import type { Broker, Consumer } from '@varve/messaging';
import { HYPERVISOR } from '@varve/ports';
import type { Hypervisor } from '@varve/ports';
import { Inject, Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { SchedulerRegistry } from '@nestjs/schedule';
import type { Logger } from 'pino';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerConfig } from './config.js';
import { FileJournals } from './file-journal.js';
import { Heartbeat } from './heartbeat.js';
import { JobsConsumer } from './jobs.consumer.js';
import { Recovery } from './recovery.js';
import { Runner } from './runner.js';
import { BROKER, CONFIG, LOG, SHUTDOWN } from './tokens.js';
import { GoneInstances } from './workplace.js';

/** Jobs taken over from the broker at once; each takes as long as its journal takes to be written. */
const PREFETCH = 8;
/** How long a stopping worker waits for steps to reach a resting place. What is not done by then is resumed. */
const STOP_WITHIN_MS = 10_000;
/** How long a starting worker waits for the broker before it goes on without. */
const CONNECT_WITHIN_MS = 2_000;

/** The order in which a worker comes to life and goes. */
@Injectable()
export class WorkerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private jobs: Consumer | null = null;

  constructor(
    @Inject(CONFIG) private readonly config: WorkerConfig,
    @Inject(LOG) private readonly log: Logger,
    @Inject(BROKER) private readonly broker: Broker,
    @Inject(SHUTDOWN) private readonly shutdown: AbortController,
    @Inject(HYPERVISOR) private readonly hypervisor: Hypervisor,
    @Inject(FileJournals) private readonly journals: FileJournals,
    @Inject(Recovery) private readonly recovery: Recovery,
    @Inject(Runner) private readonly runner: Runner,
    @Inject(GoneInstances) private readonly gone: GoneInstances,
    @Inject(JobsConsumer) private readonly consumer: JobsConsumer,
    @Inject(Heartbeat) private readonly heartbeat: Heartbeat,
    @Inject(SchedulerRegistry) private readonly scheduler: SchedulerRegistry,
  ) {}

  /** What an earlier life left comes first: guests thawed, disks settled, journals resumed; only then new jobs. */
  async onApplicationBootstrap(): Promise<void> {
    await this.recovery.thawAll(this.hypervisor);
    await this.recovery.settleAll();
    const open = await this.journals.listOpen();
    for (const journal of open) this.runner.enqueue(journal);
    await this.gone.tidy();
    for (const journal of await this.gone.journals.listOpen()) this.gone.runner.enqueue(journal);
    if (open.length > 0) this.log.info({ journals: open.length }, 'going on with what was begun');

    await this.declareQueue();
    this.jobs = this.broker.consume(jobsQueueOf(this.config.host), (delivery) => this.consumer.handle(delivery), {
      prefetch: PREFETCH,
    });
    const beat = (): void => void this.heartbeat.beat();
    this.scheduler.addInterval('heartbeat', setInterval(beat, this.config.heartbeatMs));
    beat();
    this.log.info({ host: this.config.host }, 'ready');
  }

  private async declareQueue(): Promise<void> {
    try {
      // The connection was asked for a moment ago.
      await this.broker.declareHostQueue(this.config.host, CONNECT_WITHIN_MS);
    } catch (error) {
      this.log.warn({ err: error }, 'the broker is away; the queue will be made when it is back');
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.scheduler.deleteInterval('heartbeat');
    await this.jobs?.close();
    this.shutdown.abort();
    await Promise.race([
      Promise.all([this.runner.idle(), this.gone.runner.idle()]),
      sleep(STOP_WITHIN_MS, undefined, { ref: false }),
    ]);
    await this.broker.close();
  }
}
