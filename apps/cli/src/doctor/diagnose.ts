import { apparmor } from './checks/apparmor.check.js';
import { broker } from './checks/broker.check.js';
import { clock } from './checks/clock.check.js';
import { instancesDirectory, stateDirectory } from './checks/directories.check.js';
import { hook } from './checks/hook.check.js';
import { instances } from './checks/instances.check.js';
import { journals } from './checks/journals.check.js';
import { locks } from './checks/locks.check.js';
import { novaBroker } from './checks/nova-broker.check.js';
import { nova } from './checks/nova.check.js';
import { permissions } from './checks/permissions.check.js';
import { qemu } from './checks/qemu.check.js';
import { serviceUser } from './checks/service-user.check.js';
import { store } from './checks/store.check.js';
import { unitOrder } from './checks/unit-order.check.js';
import type { Check, Finding } from './finding.js';
import { fail, messageOf } from './finding.js';
import type { HostSettings } from './host-settings.js';
import type { ProcessName } from './processes.js';

const CHECKS: Readonly<Record<ProcessName, readonly Check[]>> = {
  worker: [
    permissions,
    qemu,
    locks,
    instancesDirectory,
    stateDirectory,
    apparmor,
    unitOrder,
    instances,
    journals,
    hook,
    serviceUser,
    nova,
    broker,
    store,
    clock,
  ],
  conductor: [permissions, serviceUser, nova, broker, novaBroker, store, clock],
  api: [permissions, serviceUser, clock],
};

/** What answers no sooner is as good as broken; milliseconds. */
const PATIENCE_MS = 20_000;

/** Everything that can be said about this process's place, check after check. */
export async function* diagnose(settings: HostSettings): AsyncGenerator<Finding> {
  for (const check of CHECKS[settings.process]) yield* await findingsOf(check, settings);
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
