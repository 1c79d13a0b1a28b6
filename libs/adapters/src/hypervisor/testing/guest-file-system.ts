import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/**
 * So long may a busy machine take for a write that nothing holds up, or only a freeze that is about to end. A freeze that
 * has to be ended before its deadline needs a later one.
 */
const WRITTEN_WITHIN_MS = 60_000;

/** A real guest that takes commands. */
interface Shell {
  shell(command: string): Promise<{ status: number; output: string }>;
}

/** A file system inside a real guest, by which it shows whether it is frozen. */
export class GuestFileSystem {
  private writes = 0;

  private constructor(private readonly guest: Shell) {}

  static async make(guest: Shell): Promise<GuestFileSystem> {
    const made = new GuestFileSystem(guest);
    await made.shell('/sbin/mke2fs -q -t ext4 /dev/vda1 && mount -t ext4 /dev/vda1 /mnt');
    return made;
  }

  async shell(command: string): Promise<string> {
    const { status, output } = await this.guest.shell(command);
    if (status !== 0) throw new Error(`${command}: ${output}`);
    return output;
  }

  /** A write that would be through in no time does not get through. */
  async expectFrozen(): Promise<void> {
    await this.beginWrite();
    await delay(700);
    expect(await this.isWritten()).toBe(false);
  }

  /** The write that was held up gets through. */
  async expectThawed(): Promise<void> {
    const deadline = performance.now() + WRITTEN_WITHIN_MS;
    while (!(await this.isWritten())) {
      expect(performance.now(), 'the guest is still frozen').toBeLessThan(deadline);
      await delay(50);
    }
  }

  /** A write gets through, at once or when a freeze ends. */
  async expectWritable(): Promise<void> {
    await this.beginWrite();
    await this.expectThawed();
  }

  /** Begins a write that ends when the file system lets it. */
  private async beginWrite(): Promise<void> {
    const n = ++this.writes;
    await this.shell(`(echo ${n} > /mnt/f${n}; sync; touch /run/done${n}) > /dev/null 2>&1 &`);
  }

  private async isWritten(): Promise<boolean> {
    return (await this.guest.shell(`test -e /run/done${this.writes}`)).status === 0;
  }
}

/**
 * Runs TypeScript in a process of its own, to be killed.
 *
 * @returns when it has printed something
 * @throws it ended before
 */
export async function startApart(code: string): Promise<{ kill: () => void }> {
  const hooks = fileURLToPath(new URL('./ts-hooks.mjs', import.meta.url));
  const options = ['--experimental-transform-types', '--no-warnings', '--import', hooks, '--input-type=module'];
  const child = spawn(process.execPath, [...options, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`it ended with ${String(code)}`)));
  await Promise.race([once(child.stdout, 'data'), ended]);
  return { kill: () => void child.kill('SIGKILL') };
}
