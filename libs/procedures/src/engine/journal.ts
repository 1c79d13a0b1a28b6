import type { Json, OperationId, Problem } from '@varve/core';

/** The first line: what was asked for, and which version of which procedure does it. */
export interface JournalHead {
  readonly kind: 'open';
  readonly procedure: string;
  readonly procedureVersion: number;
  readonly operationId: OperationId;
  readonly epoch: number;
  readonly request: Json;
  readonly at: string;
}

/** @property at - when it was written, by the host's clock; absent in journals of earlier versions */
export type JournalEntry = { readonly at?: string } & (
  | JournalHead
  | { readonly kind: 'begin'; readonly step: string }
  | { readonly kind: 'done'; readonly step: string; readonly result: Json }
  | { readonly kind: 'no-return' }
  /** From here the finished steps are taken back. */
  | { readonly kind: 'giving-up'; readonly problem: Problem }
  | { readonly kind: 'undone'; readonly step: string }
  /** Something that the catalog and other consumers must hear of; sent in this order. */
  | { readonly kind: 'announce'; readonly id: string; readonly type: string; readonly data: Json }
  /** The broker has confirmed it. */
  | { readonly kind: 'announced'; readonly id: string }
  /** Nothing is left to do. */
  | { readonly kind: 'closed' }
);

/** The durable record of one procedure. It lies beside the files it speaks of, and lives and dies with them. */
export interface Journal {
  readonly head: JournalHead;
  /** Everything that was ever appended, in order. */
  readonly entries: readonly JournalEntry[];
  /**
   * Resolves when the entry is on the disk.
   *
   * @throws when it can't be written: then the procedure must stop
   */
  append(entry: JournalEntry): Promise<void>;
}

/** Puts an event on record unless it is there: an operation has at most one of each type. */
export async function announceOnce(journal: Journal, type: string, data: object): Promise<void> {
  const id = `${journal.head.operationId}:${type}`;
  if (journal.entries.some((entry) => entry.kind === 'announce' && entry.id === id)) return;
  await journal.append({ kind: 'announce', id, type, data: data as Json });
}

/** What was put on record and not confirmed by the broker, in order. */
export function unsentIn(journal: Journal): Extract<JournalEntry, { kind: 'announce' }>[] {
  const sent = new Set(journal.entries.flatMap((entry) => (entry.kind === 'announced' ? [entry.id] : [])));
  return journal.entries.filter((entry) => entry.kind === 'announce').filter((entry) => !sent.has(entry.id));
}

export const isClosed = (journal: Journal): boolean => journal.entries.at(-1)?.kind === 'closed';
