import { readFileSync } from 'node:fs';
import type { HostName } from '@varve/core';
import { describe, expect, it } from 'vitest';
import { CONDUCTOR_RIGHTS, listenerRights, notifierRights, workerRights } from './rights.js';

describe('the rights at the broker', () => {
  const page = readFileSync(new URL('../../../docs/openstack/deploy.md', import.meta.url), 'utf8');
  // As a shell reads it.
  const told = page.replaceAll(/\\\n\s*/g, '');

  it.each([
    ['varve varve-conductor', CONDUCTOR_RIGHTS],
    ['varve varve-compute-1', workerRights('compute-1' as HostName)],
    ['/ varve-listener', listenerRights('varve.nova', 'nova')],
    ['/ varve-notifier', notifierRights('varve')],
  ])('of %s are those that the deployment’s page gives', (user, { configure, write, read }) => {
    expect(told).toContain(`rabbitmqctl set_permissions -p ${user} '${configure}' '${write}' '${read}'`);
  });

  it('of a host are not those of one with a similar name', () => {
    const { read } = workerRights('node.a' as HostName);
    expect('varve.jobs.node.a').toMatch(new RegExp(read));
    expect('varve.jobs.node-a').not.toMatch(new RegExp(read));
    expect('varve.jobs.node.a.b').not.toMatch(new RegExp(read));
  });
});
