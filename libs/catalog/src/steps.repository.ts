import type { Step } from '@varve/contracts';
import type { OperationId } from '@varve/core';
import type { EntityManager } from 'typeorm';
import { OperationEntity } from './operation.entity.js';

/** No procedure has nearly as many; whoever sends more does not fill our database. */
const STEPS_AT_MOST = 200;

/** With the moment at which it was said. */
type Recorded = Step & { readonly at: string };

/** What hosts did, step by step. */
export class StepsRepository {
  constructor(private readonly db: EntityManager) {}

  async of(id: OperationId): Promise<Step[]> {
    const row = await this.db.findOne(OperationEntity, { where: { id }, select: { id: true, steps: true } });
    return (row?.steps ?? []).map((recorded) => {
      const { at: _, ...step } = recorded;
      return step;
    });
  }

  /**
   * Records how a step is going, unless something newer is known of it, or all that there is to know.
   *
   * The operation's row is the caller's.
   */
  async reported(id: OperationId, step: Step, at: string): Promise<void> {
    const row = await this.db.findOne(OperationEntity, {
      where: { id },
      select: { id: true, steps: true, settledBy: true },
    });
    if (!row || row.settledBy === 'event') return;
    const steps = withStep(row.steps ?? [], { ...step, at: new Date(at).toISOString() });
    if (steps) await this.db.update(OperationEntity, { id }, { steps });
  }

  /** The whole journal, when it is closed. */
  async are(id: OperationId, steps: readonly Step[], at: string): Promise<void> {
    const recorded = steps.slice(0, STEPS_AT_MOST).map((step) => ({ ...step, at }));
    await this.db.update(OperationEntity, { id }, { steps: recorded });
  }
}

/** @returns in the order of beginning; `null`: nothing new */
export function withStep(steps: readonly Recorded[], step: Recorded): Recorded[] | null {
  const known = steps.find(({ name }) => name === step.name);
  if (known ? known.at >= step.at : steps.length >= STEPS_AT_MOST) return null;
  const others = steps.filter(({ name }) => name !== step.name);
  return [...others, step].sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt));
}
