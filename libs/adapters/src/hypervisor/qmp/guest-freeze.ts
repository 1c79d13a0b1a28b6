import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { OutcomeUnknownError, QuiesceFailedError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import type { Freeze } from '@varve/ports';

const GUARD = fileURLToPath(new URL('./quiesce-guard.mjs', import.meta.url));
/** The agent's last word may come after the guard's own patience. */
const MARGIN_MS = 15_000;

interface GuardEvent {
  readonly event: 'frozen' | 'failed' | 'thawed' | 'no agent';
  readonly why?: string;
  readonly held?: boolean;
}

/** A guard at work: {@link quiesce-guard.mjs} as a process of its own. */
interface Guard {
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
  const guard = startGuard(['freeze', agentSocket, String(deadlineMs), String(syncMs)]);
  const said = await guard.next(2 * syncMs + deadlineMs + MARGIN_MS);
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
    await thawGuest(instance, agentSocket, syncMs);
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
  const said = await startGuard(['thaw', agentSocket, String(syncMs)]).next(2 * syncMs + MARGIN_MS);
  if (said?.event === 'thawed' || said?.event === 'no agent') return;
  throw new OutcomeUnknownError('The guest may still be frozen', { instanceId: instance });
}

function startGuard(args: readonly string[]): Guard {
  // Detached: a signal to our process group, as from a terminal, must not end it together with us.
  const child = spawn(process.execPath, [GUARD, ...args], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
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
