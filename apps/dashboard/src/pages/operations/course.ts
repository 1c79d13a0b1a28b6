import type { OperationKind, OperationView, StepView } from '@varve/contracts';

type Phase = OperationView['phase'];

/** What each kind goes through, in the usual order. */
const PHASES: Record<OperationKind, readonly Phase[]> = {
  snapshot: ['queued', 'capturing', 'uploading', 'merging', 'finishing'],
  rollback: ['queued', 'fetching', 'restoring', 'finishing'],
  undo: ['queued', 'restoring', 'finishing'],
  keep: ['queued', 'finishing'],
  delete: ['queued', 'finishing'],
  settle: ['queued', 'merging', 'finishing'],
  repair: ['queued', 'fetching', 'restoring', 'finishing'],
  export: ['queued', 'fetching', 'uploading', 'finishing'],
};

/** The phases of an operation and which one it is in; one that is unusual for its kind has its place before the last. */
export function courseOf({ kind, phase }: Pick<OperationView, 'kind' | 'phase'>): {
  phases: readonly Phase[];
  current: number;
} {
  const usual = PHASES[kind];
  const phases = usual.includes(phase) ? usual : [...usual.slice(0, -1), phase, ...usual.slice(-1)];
  return { phases, current: phases.indexOf(phase) };
}

/** The step that an operation broke off in: the last that failed, else the last that was never done. */
export const brokeOffIn = (steps: readonly StepView[]): StepView | null =>
  steps.findLast(({ state }) => state === 'failed') ?? steps.findLast(({ state }) => state === 'running') ?? null;

/** How what failed or was cancelled can be asked for again. */
export type Retry = 'ask' | 'choose';

/** @returns `choose`: the user has to confirm on the page of rollbacks; `null`: there is no asking the same again */
export function retryOf({ kind, state, snapshotUid, instanceName }: OperationView): Retry | null {
  if (state !== 'failed' && state !== 'cancelled') return null;
  if (instanceName === null) return null;
  switch (kind) {
    case 'snapshot':
    case 'settle':
    case 'undo':
      return 'ask';
    case 'delete':
      return snapshotUid === null ? null : 'ask';
    case 'rollback':
      return snapshotUid === null ? null : 'choose';
    // Which rollback it was about, as what image, or whether the disk is taken as it is, is said on the instance's page.
    case 'keep':
    case 'repair':
    case 'export':
      return null;
  }
}

/** What the policy calls it. */
export const ACTION: Record<OperationKind, string> = {
  snapshot: 'snapshots:create',
  rollback: 'rollbacks:create',
  undo: 'rollbacks:undo',
  keep: 'rollbacks:keep',
  delete: 'snapshots:delete',
  settle: 'instances:settle',
  repair: 'instances:repair',
  export: 'exports:create',
};
