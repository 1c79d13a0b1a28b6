import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QuiesceFailedError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { FakeAgent } from '../testing/fake-agent.js';
import { startApart } from '../testing/guest-file-system.js';
import { freezeGuest, thawGuest } from './guest-freeze.js';

/** Guard and agent are two processes: an agent that does answer may be kept waiting by a busy machine. */
const SYNC_MS = 20_000;
/** For an agent that does not. */
const DEAF_SYNC_MS = 400;
const instance = randomUUID() as InstanceId;

async function until(condition: () => boolean, withinMs = 60_000): Promise<void> {
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

  const freeze = (deadlineMs = 60_000, syncMs = SYNC_MS) => freezeGuest(instance, agent.socketPath, deadlineMs, syncMs);

  it('holds until it is ended, and says that it held', async () => {
    const frozen = await freeze();
    expect(agent.frozen).toBe(true);
    expect(await frozen.thaw()).toBe(true);
    expect(agent.frozen).toBe(false);
    expect(await frozen.thaw(), 'asked again, it says the same').toBe(true);
  });

  it('ends by itself at its deadline, and says that it did not hold', async () => {
    const frozen = await freeze(5_000);
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
    await expect(freeze(120_000, DEAF_SYNC_MS)).rejects.toBeInstanceOf(QuiesceFailedError);
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
    const code = `
      import { freezeGuest } from ${JSON.stringify(fileURLToPath(new URL('./guest-freeze.ts', import.meta.url)))};
      await freezeGuest('i', ${JSON.stringify(agent.socketPath)}, 600_000, ${SYNC_MS});
      console.log('frozen');
      setInterval(() => {}, 1000);`;
    const apart = await startApart(code);
    expect(agent.frozen).toBe(true);
    apart.kill();
    // Long before its deadline.
    await until(() => !agent.frozen);
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
    await thawGuest(instance, agent.socketPath, DEAF_SYNC_MS);
    await thawGuest(instance, `${agent.socketPath}.none`, SYNC_MS);
  });
});
