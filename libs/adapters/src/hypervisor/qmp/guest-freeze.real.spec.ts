import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QuiesceFailedError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { FakeAgent } from '../testing/fake-agent.js';
import { freezeGuest, thawGuest } from './guest-freeze.js';

const SYNC_MS = 400;
const instance = randomUUID() as InstanceId;

async function until(condition: () => boolean, withinMs = 10_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${condition.toString()}`);
    await delay(5);
  }
}

describe('a freeze of the guest', () => {
  let agent: FakeAgent;
  beforeEach(async () => {
    agent = await FakeAgent.start();
  });
  afterEach(() => agent.close());

  const freeze = (deadlineMs = 20_000) => freezeGuest(instance, agent.socketPath, deadlineMs, SYNC_MS);

  it('holds until it is ended, and says that it held', async () => {
    const frozen = await freeze();
    expect(agent.frozen).toBe(true);
    expect(await frozen.thaw()).toBe(true);
    expect(agent.frozen).toBe(false);
    expect(await frozen.thaw(), 'asked again, it says the same').toBe(true);
  });

  it('ends by itself at its deadline, and says that it did not hold', async () => {
    const frozen = await freeze(300);
    expect(agent.frozen).toBe(true);
    await until(() => !agent.frozen);
    expect(await frozen.thaw()).toBe(false);
  });

  it('did not hold when the guest has thawed itself', async () => {
    const frozen = await freeze();
    agent.frozen = false;
    expect(await frozen.thaw()).toBe(false);
  });

  it('fails when nobody answers: there is no agent in the guest', async () => {
    agent.deafTo.add('guest-sync-delimited');
    const begun = performance.now();
    await expect(freeze(120_000)).rejects.toBeInstanceOf(QuiesceFailedError);
    expect(performance.now() - begun).toBeLessThan(30_000);
    expect(agent.heard).not.toContain('guest-fsfreeze-freeze');
  });

  it('fails, and is taken back, when the agent does not say whether it froze', async () => {
    agent.muteAfter.add('guest-fsfreeze-freeze');
    await expect(freeze(500)).rejects.toBeInstanceOf(QuiesceFailedError);
    expect(agent.heard).toContain('guest-fsfreeze-thaw');
    expect(agent.frozen).toBe(false);
  });

  it("leaves somebody else's freeze alone", async () => {
    agent.frozen = true;
    await expect(freeze()).rejects.toBeInstanceOf(QuiesceFailedError);
    expect(agent.frozen).toBe(true);
  });

  it('ends also when the connection breaks in between', async () => {
    const frozen = await freeze();
    agent.dropClients();
    expect(await frozen.thaw()).toBe(true);
    expect(agent.frozen).toBe(false);
  });

  it('ends when the process that asked for it is killed', async () => {
    const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
    const code = `
      import { freezeGuest } from ${JSON.stringify(here('./guest-freeze.ts'))};
      await freezeGuest('i', ${JSON.stringify(agent.socketPath)}, 60_000, ${SYNC_MS});
      console.log('frozen');
      setInterval(() => {}, 1000);`;
    const hooks = ['--experimental-transform-types', '--no-warnings', '--import', here('../testing/ts-hooks.mjs')];
    const child = spawn(process.execPath, [...hooks, '--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(agent.frozen).toBe(true);
    child.kill('SIGKILL');
    await until(() => !agent.frozen, 3_000);
  });

  it('that an earlier life left behind is ended', async () => {
    agent.frozen = true;
    await thawGuest(instance, agent.socketPath, SYNC_MS);
    expect(agent.frozen).toBe(false);
    agent.heard.length = 0;
    await thawGuest(instance, agent.socketPath, SYNC_MS);
    expect(agent.heard).not.toContain('guest-fsfreeze-thaw');
  });

  it('left behind can only be ended by an agent', async () => {
    agent.deafTo.add('guest-sync-delimited');
    await thawGuest(instance, agent.socketPath, SYNC_MS);
    await thawGuest(instance, `${agent.socketPath}.none`, SYNC_MS);
  });
});
