import type { InstanceId, OperationId } from '@varve/core';
import { isUuid } from '@varve/core';
import { JournalUnwritableError } from '@varve/procedures';
import type { Journal, JournalEntry, JournalHead } from '@varve/procedures';
import { chown, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Halt } from './halt.js';

/** Closed journals that are kept per instance, for whoever wants to know what happened. */
const KEPT = 20;

const OPEN = '.open.jsonl';
const CLOSED = '.closed.jsonl';

/**
 * Journals as files: `<instance>/.varve/journals/<epoch>-<operation>.open.jsonl`, an entry a line, each synced before
 * the promise resolves. A line that a crash cut short was never relied on and is dropped.
 */
export class FileJournals {
  /** @param halt - asked around each entry; for tests */
  constructor(
    private readonly instancesDir: string,
    private readonly halt: Halt = () => undefined,
  ) {}

  /**
   * Opens the journal of a new operation.
   *
   * @throws {JournalUnwritableError} nothing was accepted
   */
  async create(instance: InstanceId, head: JournalHead): Promise<FileJournal> {
    const directory = this.directoryOf(instance);
    const path = join(directory, `${String(head.epoch).padStart(12, '0')}-${head.operationId}${OPEN}`);
    const owner = await stat(join(this.instancesDir, instance));
    try {
      await mkdir(directory, { recursive: true });
      // Whoever owns the instance must be able to delete it: Nova leaves a directory behind that it can't empty.
      for (const made of [dirname(directory), directory]) await chown(made, owner.uid, owner.gid);
      const part = `${path}.part`;
      const file = await open(part, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(head)}\n`);
        await file.chown(owner.uid, owner.gid);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(part, path);
      await this.syncNames(instance);
    } catch (error) {
      throw new JournalUnwritableError('The journal could not be written; nothing was begun', {}, { cause: error });
    }
    return FileJournal.read(instance, path, this.halt);
  }

  /** The journal of an operation, open or closed; `null`: there never was one, or it is long gone. */
  async find(instance: InstanceId, operation: OperationId): Promise<FileJournal | null> {
    const name = (await this.namesOf(instance)).find((candidate) => candidate.includes(operation));
    return name ? this.read(instance, name) : null;
  }

  /** Every journal of this host with work left to do, oldest first within an instance. */
  async listOpen(): Promise<FileJournal[]> {
    const journals: FileJournal[] = [];
    for (const instance of await this.listInstances()) journals.push(...(await this.openOf(instance)));
    return journals;
  }

  /** The instances of this host, with journals or without. */
  async listInstances(): Promise<InstanceId[]> {
    const entries = await readdir(this.instancesDir, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() && isUuid(entry.name) ? [entry.name as InstanceId] : []));
  }

  /** How many {@link listOpen} would give. Waits for no disk that is busy, as reading them does. */
  async countOpen(): Promise<number> {
    let count = 0;
    for (const instance of await this.listInstances()) count += (await this.openNamesOf(instance)).length;
    return count;
  }

  /** The open journals of one instance, oldest first. */
  async openOf(instance: InstanceId): Promise<FileJournal[]> {
    return Promise.all((await this.openNamesOf(instance)).map((name) => this.read(instance, name)));
  }

  /** The newest epoch that this instance has seen; 0 for none. */
  async latestEpoch(instance: InstanceId): Promise<number> {
    return Math.max(0, ...(await this.namesOf(instance)).map((name) => Number.parseInt(name, 10)));
  }

  /** Puts a finished journal aside, and forgets the oldest of those. */
  async close(journal: FileJournal): Promise<void> {
    await journal.append({ kind: 'closed' });
    await rename(journal.path, journal.path.replace(OPEN, CLOSED));
    const directory = this.directoryOf(journal.instance);
    const closed = (await this.namesOf(journal.instance)).filter((name) => name.endsWith(CLOSED));
    for (const name of closed.slice(0, -KEPT)) await rm(join(directory, name), { force: true });
    await syncDirectory(directory);
  }

  private async read(instance: InstanceId, name: string): Promise<FileJournal> {
    const journal = await FileJournal.read(instance, join(this.directoryOf(instance), name), this.halt);
    // An earlier life may have died before it had: a power cut could then leave effects and no journal of them.
    await this.syncNames(instance);
    return journal;
  }

  private async syncNames(instance: InstanceId): Promise<void> {
    const directory = this.directoryOf(instance);
    for (const each of [directory, dirname(directory), join(this.instancesDir, instance)]) await syncDirectory(each);
  }

  private directoryOf(instance: InstanceId): string {
    return join(this.instancesDir, instance, '.varve', 'journals');
  }

  private async openNamesOf(instance: InstanceId): Promise<string[]> {
    return (await this.namesOf(instance)).filter((name) => name.endsWith(OPEN));
  }

  /** In the order of their epochs. */
  private async namesOf(instance: InstanceId): Promise<string[]> {
    try {
      const names = await readdir(this.directoryOf(instance));
      return names.filter((name) => name.endsWith(OPEN) || name.endsWith(CLOSED)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }
}

export class FileJournal implements Journal {
  readonly head: JournalHead;
  private broken: unknown = null;
  private lastAppend: Promise<unknown> = Promise.resolve();

  /** @param endsAt - bytes of whole lines; whatever is behind was never relied on */
  private constructor(
    readonly instance: InstanceId,
    readonly path: string,
    readonly entries: JournalEntry[],
    private endsAt: number,
    private readonly halt: Halt,
  ) {
    const head = entries[0];
    if (head?.kind !== 'open') throw new JournalUnwritableError('The journal does not begin with its request');
    this.head = head;
  }

  /** Changes nothing: it may be another one's who is writing to it. What was read is on the disk: it will be gone by. */
  static async read(instance: InstanceId, path: string, halt: Halt): Promise<FileJournal> {
    const file = await open(path, 'r');
    let bytes: Buffer;
    try {
      bytes = await file.readFile();
      await file.sync();
    } finally {
      await file.close();
    }
    const whole = bytes.lastIndexOf(0x0a) + 1;
    const lines = bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1);
    const entries = lines.map((line) => JSON.parse(line) as JournalEntry);
    return new FileJournal(instance, path, entries, whole, halt);
  }

  /** Whether a write has failed, so that only reading it anew can tell what it holds. */
  get isBroken(): boolean {
    return this.broken !== null;
  }

  /** The procedure and whoever sends its events write at the same time: one after the other, in the order they came. */
  append(entry: JournalEntry): Promise<void> {
    const mine = this.lastAppend.then(() => this.write(entry));
    // Whoever comes next hears of a failure through `broken`.
    this.lastAppend = mine.catch(() => undefined);
    return mine;
  }

  private async write(entry: JournalEntry): Promise<void> {
    // After a failed write it is not known what the file ends with: nothing may follow.
    if (this.broken)
      throw new JournalUnwritableError('The journal could not be written before', {}, { cause: this.broken });
    const stamped: JournalEntry = { at: new Date().toISOString(), ...entry };
    try {
      this.halt('before', entry);
      // Without O_CREAT: when the instance was deleted its journal went with it, and must not come back.
      const file = await open(this.path, 'r+');
      try {
        const line = Buffer.from(`${JSON.stringify(stamped)}\n`);
        const { size } = await file.stat();
        if (size > this.endsAt) await file.truncate(this.endsAt);
        await file.write(line, 0, line.length, this.endsAt);
        await file.sync();
        this.endsAt += line.length;
      } finally {
        await file.close();
      }
      this.halt('after', entry);
      this.entries.push(stamped);
    } catch (error) {
      this.broken = error;
      throw new JournalUnwritableError('The journal could not be written', {}, { cause: error });
    }
  }
}

/** Makes the names in a directory outlast a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
