import type { InstanceView, RollbackPlanView } from '@varve/contracts';
import { printable } from '../terminal.js';
import { expected, refusalFacts } from './expected.js';
import { duration, size, text, time } from './human.js';
import { facts } from './table.js';

/** What a rollback there will do. */
export function planFacts({ state }: InstanceView, { target, endsUndoOf, ...plan }: RollbackPlanView): string {
  return facts([
    ['To', `${time(target.sealedAt)}, snapshot ${target.uid}${target.name === null ? '' : ` "${target.name}"`}`],
    ['Consistency', text(target.consistency)],
    ['To fetch, at most', size(plan.fetchBytesAtMost)],
    ['Down for', state === 'stopped' ? NOT_STARTED : `${expected(plan.downtime)}, and the guest's own start`],
    ['In no restore point', `${size(plan.unsavedBytesAtMost)} at most; an undo alone brings it back`],
    ['Newer points', `${plan.newerRestorePoints}; they stay`],
    ...(endsUndoOf === null ? [] : [['Ends the undo of', endsUndoOf] as [string, string]]),
    ...refusalFacts(plan.refusal),
  ]);
}

/** What to confirm: the instance, and the plan. */
export function warningFor(instance: InstanceView, plan: RollbackPlanView): string {
  const { sealedAt } = plan.target;
  const back = sealedAt ? ` (${duration(Date.now() - Date.parse(sealedAt))} ago)` : '';
  return (
    `${printable(instance.name)} (${instance.id}, ${instance.state} on ${instance.host}) goes back to ` +
    `${time(sealedAt)}${back}.\n\n${planFacts(instance, plan)}\n` +
    `${powerOver(instance)} What it has written since is set aside, for an undo.`
  );
}

/** What becomes of the guest while its disk is exchanged. */
export const powerOver = ({ state }: InstanceView): string =>
  state === 'stopped' ? `${NOT_STARTED}.` : 'It is stopped for that and started again.';

const NOT_STARTED = 'It does not run now, and will not be started';
