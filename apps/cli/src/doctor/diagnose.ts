import { broker } from './checks/broker.check.js';
import { clock } from './checks/clock.check.js';
import { instancesDirectory, stateDirectory } from './checks/directories.check.js';
import { hook } from './checks/hook.check.js';
import { instances } from './checks/instances.check.js';
import { journals } from './checks/journals.check.js';
import { locks } from './checks/locks.check.js';
import { qemu } from './checks/qemu.check.js';
import { store } from './checks/store.check.js';
import type { Check, Finding } from './finding.js';
import { fail, messageOf } from './finding.js';
import type { HostSettings } from './host-settings.js';

const CHECKS: readonly Check[] = [
  qemu,
  locks,
  instancesDirectory,
  stateDirectory,
  instances,
  journals,
  hook,
  broker,
  store,
  clock,
];

/** What answers no sooner is as good as broken; milliseconds. */
const PATIENCE_MS = 20_000;

/** Everything that can be said about this host, check after check. */
export async function* diagnose(settings: HostSettings): AsyncGenerator<Finding> {
  for (const check of CHECKS) yield* await findingsOf(check, settings);
}

async function findingsOf(check: Check, settings: HostSettings): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Finding[]>((resolve) => {
    timer = setTimeout(() => {
      const found = `no answer within ${PATIENCE_MS / 1000} s`;
      resolve([fail(check.name, { found, advice: 'Look for what hangs: a dead file server, a firewall that drops.' })]);
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([check.run(settings), tooLate]);
  } catch (error) {
    return [fail(check.name, { found: messageOf(error), advice: 'This was not expected; look at the worker’s log.' })];
  } finally {
    clearTimeout(timer);
  }
}
