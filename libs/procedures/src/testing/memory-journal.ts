import type { OperationId } from '@varve/core';
import type { Journal, JournalEntry, JournalHead } from '../engine/journal.js';

/** A journal that survives its worker, but not its test. Keeps what a file would keep: JSON. */
export class MemoryJournal implements Journal {
  readonly entries: JournalEntry[] = [];

  /** @param reached - told before and after each entry is written; may throw */
  constructor(
    readonly head: JournalHead,
    private readonly reached: (point: string) => void = () => {},
  ) {}

  async append(entry: JournalEntry): Promise<void> {
    const name = 'step' in entry ? `${entry.kind} "${entry.step}"` : entry.kind;
    this.reached(`before journal: ${name}`);
    this.entries.push(JSON.parse(JSON.stringify(entry)) as JournalEntry);
    this.reached(`after journal: ${name}`);
  }
}

export const journalHead = (procedure: string, operationId: string): JournalHead => ({
  kind: 'open',
  procedure,
  procedureVersion: 1,
  operationId: operationId as OperationId,
  epoch: 1,
  request: null,
  at: '2026-01-01T00:00:00Z',
});
