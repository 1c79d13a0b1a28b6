import type { OperationId, SnapshotUid } from './ids.js';

/** A rollback, or an undo of one, that succeeded. */
export interface Turn {
  readonly id: OperationId;
  /** Rises from one operation of the instance to the next. */
  readonly epoch: number;
  readonly at: Date;
  /** Of a rollback: where it went. */
  readonly target: SnapshotUid | null;
  /** Of an undo: the rollback or undo that it took back. */
  readonly undoes: OperationId | null;
}

/** The instance is on a branch from one turn to the next. */
export interface Span {
  readonly branch: number;
  /** The turn that it began with; `null`: the instance's beginning. */
  readonly by: Turn | null;
  /** The turn that it ended with; `null`: it goes on. */
  readonly until: Turn | null;
}

/** A run of states, each made from the one before. */
export interface Branch {
  /** The restore point that it goes out from; `null`: the first branch. */
  readonly parent: SnapshotUid | null;
}

export interface Branches {
  /** In the order in which they began; never empty. */
  readonly branches: readonly Branch[];
  /** In the order of time, without a gap; never empty. What has an epoch lies in the last one that began before it. */
  readonly spans: readonly Span[];
}

/**
 * How the states of an instance's disk hang together. A rollback begins a new branch: what is written after it is not
 * made from what was written before it. An undo goes back to the branch that the instance was on before what it undoes,
 * and on it goes on as if nothing had been.
 *
 * @param turns - all of the instance, in the order of their epochs
 */
export function branchesOf(turns: readonly Turn[]): Branches {
  const branches: Branch[] = [{ parent: null }];
  const spans: Span[] = [];
  const cameFrom = new Map<OperationId, number>();
  let branch = 0;
  let by: Turn | null = null;
  for (const turn of turns) {
    spans.push({ branch, by, until: turn });
    cameFrom.set(turn.id, branch);
    const back = turn.undoes === null ? undefined : cameFrom.get(turn.undoes);
    branch = back ?? branches.push({ parent: turn.target }) - 1;
    by = turn;
  }
  spans.push({ branch, by, until: null });
  return { branches, spans };
}
