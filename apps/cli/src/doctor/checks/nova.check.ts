import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeystoneSession, NovaApi } from '@varve/adapters';
import type { ComputeHost } from '@varve/adapters';
import { ServiceError } from '@varve/core';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, messageOf, ok, skip, warn } from '../finding.js';

/** Enough to tell whether Nova and we speak of the same directory. */
const SAMPLE = 20;

/** Whether Nova answers and tells us what only an administrator is told, and knows this host by our name for it. */
export const nova: Check = {
  name: 'Nova',
  async run({ compute, keystone, host, instancesDir, process }) {
    if (compute !== 'nova' || keystone === null) return [skip('Nova', 'VARVE_COMPUTE is not nova')];
    const api = new NovaApi(new KeystoneSession(keystone));
    let hosts: ComputeHost[];
    try {
      const began = performance.now();
      const { unclear } = await api.servers(null, 1);
      hosts = await api.computeHosts();
      const told = `answers in ${Math.round((performance.now() - began) / 2)} ms`;
      if (unclear.length > 0) return [fail('Nova', { found: 'it does not tell where servers are', advice: RIGHTS })];
      if (process !== 'worker' || host === null) return [ok('Nova', `${told}, ${hosts.length} compute hosts`)];
      const findings = [ok('Nova', told), judgeHost(hosts, host)];
      if (instancesDir !== null) findings.push(...(await directories(await api.serversOn(host, SAMPLE), instancesDir)));
      return findings;
    } catch (error) {
      const denied = error instanceof ServiceError && error.facts['status'] === '403';
      const advice = denied
        ? RIGHTS
        : 'Check that Nova is up and that its endpoint can be reached from here (VARVE_OPENSTACK_REGION, _INTERFACE).';
      return [fail('Nova', { found: messageOf(error), advice })];
    }
  },
};

const RIGHTS =
  'The service user needs the role admin in its project, or rules for it: see docs/openstack/deploy.md, section 1.';

export function judgeHost(hosts: readonly ComputeHost[], host: string): Finding {
  const found = hosts.find((one) => one.host === host);
  if (!found) {
    const known = hosts.map((one) => one.host).join(', ') || 'none';
    return fail('Nova’s host', {
      found: `Nova has no nova-compute on ${host}; it has: ${known}`,
      advice: 'Set VARVE_HOST to what `openstack compute service list` calls this host.',
    });
  }
  if (found.state === 'up') return ok('Nova’s host', `${host} is up, ${found.status}`);
  return warn('Nova’s host', {
    found: `nova-compute on ${host} is ${found.state}`,
    advice: 'Rollbacks wait for it. Start it, or look at its log.',
  });
}

async function directories(ids: readonly string[], instancesDir: string): Promise<Finding[]> {
  const missing: string[] = [];
  for (const id of ids) {
    try {
      await stat(join(instancesDir, id));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      missing.push(id);
    }
  }
  if (ids.length === 0 || missing.length < ids.length) return [];
  return [
    fail('Nova’s directory', {
      found: `of the ${ids.length} servers that Nova has here, none has a directory in ${instancesDir}`,
      advice: 'Set VARVE_INSTANCES_DIR to instances_path of nova.conf (usually /var/lib/nova/instances).',
    }),
  ];
}
