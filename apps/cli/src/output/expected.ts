import type { RollbackPlanView, SnapshotEstimate } from '@varve/contracts';
import { duration } from './human.js';

const OF = { instance: 'of this instance', host: 'on this host', all: 'anywhere' };

/** `1.8 ms (median of the last 12 of this instance)` */
export function expected(what: SnapshotEstimate['stall']): string {
  if (what === null) return 'not known yet';
  return `${duration(what.ms)} (median of the last ${what.samples} ${OF[what.of]})`;
}

export const refusalFacts = (refusal: RollbackPlanView['refusal']): [string, string][] =>
  refusal ? [['Would be refused', `${refusal.message} (${refusal.code})`]] : [];
