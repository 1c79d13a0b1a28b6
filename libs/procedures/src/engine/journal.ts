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

export type JournalEntry =
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
  | { readonly kind: 'closed' };

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
