// What the lives of servers share: one cloud, and one Varve in it. Each file here is a life, or a few of a kind; they are
// told side by side by living-with-nova.openstack.spec.ts, because a guest that boots leaves a processor idle.
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect } from 'vitest';
import { until } from '../../services/until.ts';
import { findServer, type Cloud, type ProvingServer, type Server } from '../index.ts';
import type { Varve } from '../varve.ts';

export interface Ground {
  readonly cloud: Cloud;
  readonly varve: Varve;
}

/** To be asked in hooks and tests alone: before, there is none. */
export type GroundNow = () => Ground;

/** A server's life: its tests one after another, while other lives go on. */
export function life(name: string, tests: () => void): void {
  describe(name, { concurrent: true }, () => {
    describe('in turn', { concurrent: false }, () => {
      tests();
    });
  });
}

/** Every boot so far found all that was flushed before it, and the guest reads what it wrote. Writing goes on. */
export async function expectWhole(server: ProvingServer): Promise<void> {
  const state = await server.state();
  expect(state.good ? 'good' : state.text).toBe('good');
  await server.load();
}

/** A rescue boots a disk of its own, with the server's as the second. */
export async function rescued(server: ProvingServer): Promise<void> {
  await server.rescue();
  await server.reboots({ unrescue: null });
}

export async function pausedAndUnpaused(server: ProvingServer): Promise<void> {
  await server.act({ pause: null });
  await server.waitFor('PAUSED');
  await server.act({ unpause: null });
  await server.waitFor('ACTIVE');
}

export async function suspendedAndResumed(server: ProvingServer): Promise<void> {
  await server.act({ suspend: null });
  await server.waitFor('SUSPENDED');
  await server.act({ resume: null });
  await server.waitFor('ACTIVE');
  await server.wrote(50);
}

/** Ends as Nova makes a disk of an image: `disk` on a base. */
export async function shelvedAndUnshelved({ cloud }: Ground, server: ProvingServer): Promise<void> {
  await server.act({ shelve: null });
  await server.waitFor('SHELVED_OFFLOADED');
  expect(readdirSync(cloud.file.instancesDir)).not.toContain(server.id);
  await server.reboots({ unshelve: null });
  expect(await server.chain()).toHaveLength(2);
}

export async function resizedAndConfirmed({ cloud }: Ground, server: ProvingServer): Promise<void> {
  const from = server.mark();
  await server.act({ resize: { flavorRef: cloud.file.flavors.large } });
  await server.waitFor('VERIFY_RESIZE');
  await server.booted(from);
  await server.act({ confirmResize: null });
  await server.waitFor('ACTIVE');
}

export async function deletedWithAll({ cloud }: Ground, server: ProvingServer): Promise<void> {
  await cloud.delete(server);
  const left = readdirSync(cloud.file.instancesDir).filter((name) => name.startsWith(server.id));
  expect(left).toEqual([]);
}

/** Nova has done with it, whatever came of it. */
export const givenUp = ({ cloud }: Ground, server: ProvingServer, busy: string): Promise<Server> =>
  until(
    'Nova has ended it',
    async () => {
      const found = await findServer(cloud.admin, server.id);
      return found?.taskState === null && found.status !== busy && found;
    },
    { deadlineMs: 120_000, everyMs: 400 },
  );

/**
 * The files in `_base` that go by the name of one in this server's chain, with what tells one that was downloaded anew.
 * Other servers have theirs there.
 */
export async function basesOf({ cloud }: Ground, server: ProvingServer): Promise<string[]> {
  const folder = join(cloud.file.instancesDir, '_base');
  const names = new Set((await server.chain()).map((file) => basename(file)));
  return readdirSync(folder)
    .filter((name) => names.has(name))
    .map((name) => `${name} ${statSync(join(folder, name)).ino}`);
}
