import { fileURLToPath } from 'node:url';
import { OutcomeUnknownError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { startGuard } from '../qmp/guest-freeze.js';

const GUARD = fileURLToPath(new URL('./flush-guard.mjs', import.meta.url));
const PATIENCE_MS = 60_000;

/**
 * Has QEMU write all that it holds back of its images: it does when its processors are stopped, and libvirt knows no
 * other word for it. They run again at once; a process of its own sees to that, should this one die in between.
 *
 * @throws {OutcomeUnknownError} the instance does not run, or libvirt does not answer
 */
export async function flushDomain(uri: string, instance: InstanceId): Promise<void> {
  const said = await startGuard(GUARD, [uri, instance]).next(PATIENCE_MS);
  if (said?.event === 'flushed') return;
  const why = said?.why ?? 'its guard ended early';
  throw new OutcomeUnknownError(`QEMU could not be made to flush: ${why}`, { instanceId: instance });
}
