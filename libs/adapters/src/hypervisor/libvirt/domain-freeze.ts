import { fileURLToPath } from 'node:url';
import type { InstanceId } from '@varve/core';
import type { Freeze } from '@varve/ports';
import { freezeUnder, startGuard, thawUnder } from '../qmp/guest-freeze.js';

const GUARD = fileURLToPath(new URL('./thaw-guard.mjs', import.meta.url));
/** libvirt waits that long for an agent's first word. */
const AGENT_SYNC_MS = 5_000;

/** @throws {QuiesceFailedError} the guest is thawed */
export function freezeDomain(uri: string, instance: InstanceId, deadlineMs: number): Promise<Freeze> {
  const guard = startGuard(GUARD, ['freeze', uri, instance, String(deadlineMs)]);
  return freezeUnder(guard, instance, AGENT_SYNC_MS + deadlineMs, () => thawDomain(uri, instance));
}

/** @throws {OutcomeUnknownError} an agent is there, but did not thaw */
export function thawDomain(uri: string, instance: InstanceId): Promise<void> {
  return thawUnder(startGuard(GUARD, ['thaw', uri, instance]), instance, AGENT_SYNC_MS);
}
