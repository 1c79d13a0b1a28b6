import type { EventData } from '@varve/contracts';
import { problemOf, ServiceError } from '@varve/core';
import type { HostName, InstanceId } from '@varve/core';
import type { DiskFiles, Hypervisor, InstanceDescription } from '@varve/ports';
import type { Logger } from 'pino';
import { statfs } from 'node:fs/promises';
import { lookAtChain } from './chain-facts.js';
import type { FileJournals } from './file-journal.js';
import type { Reporter } from './reporter.js';

type Inventory = EventData<'host.heartbeat'>['instances'];

/** Says that this host lives, and what lives on it: the catalog knows standalone instances from here alone. */
export class Heartbeat {
  private readonly startedAt = new Date().toISOString();
  private beating = false;

  constructor(
    private readonly host: HostName,
    private readonly instancesDir: string,
    private readonly version: string,
    private readonly settings: Readonly<Record<string, string>>,
    private readonly hypervisor: Hypervisor,
    private readonly files: DiskFiles,
    private readonly journals: FileJournals,
    private readonly reporter: Reporter,
    private readonly log: Logger,
  ) {}

  /** Never throws: the next beat comes anyway. A beat that takes longer than the interval skips the next. */
  async beat(): Promise<void> {
    if (this.beating) return;
    this.beating = true;
    try {
      const { bavail, bsize } = await statfs(this.instancesDir);
      const descriptions = await this.hypervisor.list();
      await this.reporter.report({
        type: 'host.heartbeat',
        subject: this.host,
        data: {
          host: this.host,
          version: this.version,
          startedAt: this.startedAt,
          versions: await this.hypervisor.versions(),
          freeBytes: bavail * bsize,
          settings: { ...this.settings },
          openJournals: await this.journals.countOpen(),
          instances: await Promise.all(descriptions.map((description) => this.describe(description))),
        },
      });
    } catch (error) {
      this.log.error({ err: error }, 'no heartbeat could be sent');
    } finally {
      this.beating = false;
    }
  }

  private async describe({ id, projectId, name, state }: InstanceDescription): Promise<Inventory[number]> {
    return { id, projectId, name, state, ...(await this.diskOf(id)) };
  }

  private async chainOf(id: InstanceId): Promise<Inventory[number]['chain']> {
    try {
      return await lookAtChain(this.files, id);
    } catch (error) {
      this.log.debug({ err: error, instance: id }, 'its chain could not be looked at');
      return null;
    }
  }

  private async diskOf(
    id: InstanceId,
  ): Promise<Pick<Inventory[number], 'virtualSizeBytes' | 'chainLength' | 'unsupported' | 'chain'>> {
    try {
      const chain = await this.files.findChain(id);
      return {
        virtualSizeBytes: chain[0]?.virtualSizeBytes ?? null,
        chainLength: chain.length,
        unsupported: null,
        chain: await this.chainOf(id),
      };
    } catch (error) {
      if (!(error instanceof ServiceError))
        this.log.warn({ err: error, instance: id }, 'its disk could not be looked at');
      const { facts, ...problem } = problemOf(error);
      return {
        virtualSizeBytes: null,
        chainLength: null,
        unsupported: { ...problem, facts: { ...facts } },
        chain: null,
      };
    }
  }
}
