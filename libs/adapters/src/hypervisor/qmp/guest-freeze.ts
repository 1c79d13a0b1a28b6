import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { OutcomeUnknownError, QuiesceFailedError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import type { Freeze } from '@varve/ports';

const GUARD = fileURLToPath(new URL('./quiesce-guard.mjs', import.meta.url));
/** The agent's last word may come after the guard's own patience. */
const MARGIN_MS = 15_000;

export interface GuardEvent {
  readonly event: 'frozen' | 'failed' | 'thawed' | 'no agent' | 'flushed';
  readonly why?: string;
  readonly held?: boolean;
}

/** A guard at work, as a process of its own: {@link quiesce-guard.mjs}, or libvirt's. */
export interface Guard {
  /** @returns `null` when it ended without another word */
  next(withinMs: number): Promise<GuardEvent | null>;
  askToThaw(): void;
}

/**
 * @param syncMs - how long an agent may take for its first word: there is no other sign that there is none
 * @throws {QuiesceFailedError} the guest is thawed
 */
export async function freezeGuest(
  instance: InstanceId,
  agentSocket: string,
  deadlineMs: number,
  syncMs: number,
): Promise<Freeze> {
  const guard = startGuard(GUARD, ['freeze', agentSocket, String(deadlineMs), String(syncMs)]);
  return freezeUnder(guard, instance, 2 * syncMs + deadlineMs, () => thawGuest(instance, agentSocket, syncMs));
}

/**
 * @param patienceMs - how long the guard may take for the freeze
 * @param thawAnyway - should the guard fail
 * @throws {QuiesceFailedError} the guest is thawed
 */
export async function freezeUnder(
  guard: Guard,
  instance: InstanceId,
  patienceMs: number,
  thawAnyway: () => Promise<void>,
): Promise<Freeze> {
  const said = await guard.next(patienceMs + MARGIN_MS);
  if (said?.event !== 'frozen') {
    guard.askToThaw();
    const why = said?.why ?? 'the guard of the freeze ended early';
    throw new QuiesceFailedError(`The guest's file systems could not be frozen: ${why}`, { instanceId: instance });
  }
  let ended: Promise<boolean> | null = null;
  const thaw = async () => {
    guard.askToThaw();
    const last = await guard.next(MARGIN_MS);
    if (last?.event === 'thawed') return last.held === true;
    // The guard is stuck or was killed: see to it ourselves, and believe nothing about the freeze.
    await thawAnyway();
    return false;
  };
  return { thaw: () => (ended ??= thaw()) };
}

/**
 * Does nothing when no agent answers, or when the guest isn't frozen.
 *
 * @throws {OutcomeUnknownError} an agent is there, but did not thaw
 */
export async function thawGuest(instance: InstanceId, agentSocket: string, syncMs: number): Promise<void> {
  await thawUnder(startGuard(GUARD, ['thaw', agentSocket, String(syncMs)]), instance, 2 * syncMs);
}

export async function thawUnder(guard: Guard, instance: InstanceId, patienceMs: number): Promise<void> {
  const said = await guard.next(patienceMs + MARGIN_MS);
  if (said?.event === 'thawed' || said?.event === 'no agent') return;
  throw new OutcomeUnknownError('The guest may still be frozen', { instanceId: instance });
}

/** @param script - a module that Node runs as it is */
export function startGuard(script: string, args: readonly string[]): Guard {
  // Detached: a signal to our process group, as from a terminal, must not end it together with us.
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const events: (GuardEvent | null)[] = [];
  let wake: (() => void) | null = null;
  const push = (event: GuardEvent | null) => {
    events.push(event);
    wake?.();
  };
  createInterface({ input: child.stdout }).on('line', (line) => push(JSON.parse(line) as GuardEvent));
  child.once('error', () => push(null)); // It could not be started; whoever waits learns that there is no word.
  child.once('close', () => push(null));
  child.stdin.on('error', () => undefined); // It has ended already; `next` says how.

  return {
    next: async (withinMs) => {
      const deadline = performance.now() + withinMs;
      while (events.length === 0) {
        const left = deadline - performance.now();
        if (left <= 0) return null;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = null;
      }
      return events.shift() ?? null;
    },
    askToThaw: () => {
      child.stdin.end('thaw\n');
    },
  };
}
