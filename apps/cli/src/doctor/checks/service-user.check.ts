import { KeystoneSession } from '@varve/adapters';
import type { KeystoneConfig } from '@varve/adapters';
import { ServiceError } from '@varve/core';
import type { Check, Finding } from '../finding.js';
import { fail, messageOf, ok, skip, warn } from '../finding.js';
import type { HostSettings } from '../host-settings.js';

/** As in docs/openstack/deploy.md: `openstack service create --name varve snapshot`. */
const SERVICE_TYPE = 'snapshot';
const READY_WITHIN_MS = 10_000;

/** Whether Keystone lets the service user in, with a role that suffices, and tells where Varve is. */
export const serviceUser: Check = {
  name: 'service user',
  async run(settings) {
    const { keystone } = settings;
    if (keystone === null) return [skip('service user', 'neither Nova nor Keystone is asked here')];
    const session = new KeystoneSession(keystone);
    const who = `${keystone.username} in ${keystone.project}`;
    try {
      const roles = await session.roles();
      return [
        ok('service user', `logged in as ${who}`),
        judgeRoles(roles, settings),
        await endpoint(session, keystone),
      ];
    } catch (error) {
      return [fail('service user', { found: `${who}: ${messageOf(error)}`, advice: adviceFor(error) })];
    }
  },
};

function adviceFor(error: unknown): string {
  const status = error instanceof ServiceError ? error.facts['status'] : undefined;
  if (status === '401') {
    return 'Check VARVE_KEYSTONE_USERNAME, _PASSWORD and the two domains, and that the user has a role in VARVE_KEYSTONE_PROJECT.';
  }
  if (status === '404') return 'Something answers, and not as Keystone: VARVE_KEYSTONE_URL ends in /v3.';
  return 'Check VARVE_KEYSTONE_URL, that Keystone is up, and the way there.';
}

/** The API checks tokens; worker and conductor ask Nova of all projects. */
export function judgeRoles(roles: readonly string[], { process }: Pick<HostSettings, 'process'>): Finding {
  const found = roles.length === 0 ? 'it has none' : roles.toSorted().join(', ');
  const needed = process === 'api' ? ['admin', 'service'] : ['admin'];
  if (roles.some((role) => needed.includes(role.toLowerCase()))) return ok('role', found);
  return warn('role', {
    found,
    advice:
      `OpenStack's own policies ask for ${needed.join(' or ')}: openstack role add --user … --project … ${needed[0] ?? ''}. ` +
      'With policies of your own another role may do.',
  });
}

async function endpoint(session: KeystoneSession, { interface: kind, region }: KeystoneConfig): Promise<Finding> {
  let url: string;
  try {
    url = await session.endpoint(SERVICE_TYPE);
  } catch (error) {
    const where = region === null ? '' : ` --region ${region}`;
    return warn('endpoint', {
      found: messageOf(error),
      advice:
        'Users find Varve by it: openstack service create --name varve snapshot; ' +
        `openstack endpoint create${where} snapshot ${kind} https://…`,
    });
  }
  try {
    const answer = await fetch(`${url}/readyz`, { redirect: 'manual', signal: AbortSignal.timeout(READY_WITHIN_MS) });
    await answer.body?.cancel();
    if (answer.ok) return ok('endpoint', `${url} is ready`);
    const advice =
      answer.status === 503
        ? 'The API runs and misses its database: look at its log.'
        : 'Something else answers there: correct the endpoint (openstack endpoint set --url …).';
    return fail('endpoint', { found: `${url} answers ${answer.status}`, advice });
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return fail('endpoint', {
      found: `${url} does not answer: ${messageOf(cause)}`,
      advice: 'Start varve-api, or correct the endpoint (openstack endpoint set --url …).',
    });
  }
}
