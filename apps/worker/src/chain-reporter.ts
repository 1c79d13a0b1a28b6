import type { ChainRecord, HostName, InstanceId } from '@varve/core';
import type { DiskFiles } from '@varve/ports';
import type { Logger } from 'pino';
import { lookAtChain } from './chain-facts.js';
import type { Reporter } from './reporter.js';

/**
 * The same files, with somebody told after each record that is written: every change of a chain passes there, whatever
 * procedure makes it.
 */
export function withRecordsWatched(files: DiskFiles, onRecord: (record: ChainRecord) => void): DiskFiles {
  const writeRecord = async (record: ChainRecord): Promise<void> => {
    await files.writeRecord(record);
    onRecord(record);
  };
  return Object.create(files, { writeRecord: { value: writeRecord } }) as DiskFiles;
}

/** Tells of chains as they change. Nobody waits for it, and one that is missed is in the next heartbeat. */
export class ChainReporter {
  private readonly told = new Map<InstanceId, string>();
  private readonly telling = new Set<InstanceId>();
  private readonly changedSince = new Set<InstanceId>();

  constructor(
    private readonly host: HostName,
    private readonly files: DiskFiles,
    private readonly reporter: Pick<Reporter, 'report'>,
    private readonly log: Logger,
  ) {}

  /** A record was written; whether the chain is another one by that is for us to see. */
  written(record: ChainRecord): void {
    const { instanceId: instance, base, files, safety } = record;
    const chain = JSON.stringify([base, files, safety]);
    if (this.told.get(instance) === chain) return;
    this.told.set(instance, chain);
    // One at a time, and after it the newest: a broker that is away must not gather them.
    if (this.telling.has(instance)) this.changedSince.add(instance);
    else void this.tell(instance);
  }

  private async tell(instance: InstanceId): Promise<void> {
    this.telling.add(instance);
    do {
      this.changedSince.delete(instance);
      try {
        const chain = await lookAtChain(this.files, instance);
        const data = chain && { host: this.host, instanceId: instance, chain };
        if (data) await this.reporter.report({ type: 'instance.chain', subject: instance, data });
      } catch (error) {
        this.log.debug({ err: error, instance }, 'a chain that has changed could not be looked at');
      }
    } while (this.changedSince.has(instance));
    this.telling.delete(instance);
  }
}
