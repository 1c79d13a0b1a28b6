import type { InstanceId } from '@varve/core';
import type { DiskFiles, Hypervisor } from '@varve/ports';
import { settleDisk } from '@varve/procedures';
import type { Logger } from 'pino';
import type { FileJournals } from './file-journal.js';

/** What has to be right before anything may start an instance, or before its guest may be left alone. */
export class Recovery {
  constructor(
    private readonly files: DiskFiles,
    private readonly journals: FileJournals,
    private readonly log: Logger,
  ) {}

  /** Moves `disk` on where an earlier life of the worker died before it could, and takes half a merge back. */
  async settle(instance: InstanceId): Promise<void> {
    const open = await this.journals.openOf(instance);
    // A merge in QEMU may outlive the journal that began it.
    const lives = open.length > 0 ? open.map((journal) => journal.entries) : [[]];
    for (const entries of lives) {
      const done = await settleDisk(this.files, instance, entries);
      if (done === 'moved') this.log.warn({ instance }, 'moved `disk` to the layer with the newest writes');
    }
  }

  /** All instances, or the only one asked for. One that can't be settled does not hold up the others. */
  async settleAll(only?: InstanceId): Promise<{ settled: number; failed: number }> {
    const count = { settled: 0, failed: 0 };
    for (const instance of only === undefined ? await this.journals.listInstances() : [only]) {
      try {
        await this.settle(instance);
        count.settled++;
      } catch (error) {
        count.failed++;
        this.log.error({ err: error, instance }, 'the disk could not be settled; do not start this instance');
      }
    }
    return count;
  }

  /** Guests that an earlier life may have left frozen. */
  async thawAll(hypervisor: Hypervisor): Promise<void> {
    for (const { instance } of await this.journals.listOpen()) {
      try {
        await hypervisor.ensureThawed(instance);
      } catch (error) {
        this.log.error({ err: error, instance }, 'could not make sure that the guest is thawed');
      }
    }
  }
}
