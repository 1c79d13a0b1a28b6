import type { InstanceId } from '@varve/core';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory } from './file-journal.js';
import type { FileJournals } from './file-journal.js';
import type { Runner } from './runner.js';

/** Where procedures keep their journals and files, and who runs them. */
export interface Workplace {
  readonly journals: FileJournals;
  readonly runner: Runner;
}

/** In the instances' directory, so that there is as much room as for instances; no instance is called so. */
export const GONE = '.varve-gone';

/**
 * The place for work on what is stored of instances that this host does not have any more: a directory for each, which has
 * nothing in it but that work.
 */
export class GoneInstances implements Workplace {
  constructor(
    private readonly directory: string,
    readonly journals: FileJournals,
    readonly runner: Runner,
  ) {}

  /** Forgets what is over. Before anything is begun. */
  async tidy(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const open = new Set<string>((await this.journals.listOpen()).map(({ instance }) => instance));
    for (const name of await readdir(this.directory)) {
      if (!open.has(name)) await rm(join(this.directory, name), { recursive: true, force: true });
    }
  }

  async placeFor(instance: InstanceId): Promise<Workplace> {
    await mkdir(join(this.directory, instance), { recursive: true });
    // Nobody has synced their names yet: a journal sees to the names in the instance’s own directory, and to none above.
    for (const each of [this.directory, dirname(this.directory)]) await syncDirectory(each);
    return this;
  }
}
