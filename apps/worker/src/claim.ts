import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How long a worker that is on its way out may take; milliseconds. */
const PATIENCE_MS = 10_000;
const EVERY_MS = 100;

/**
 * Makes sure that this is the only worker of the instances in a directory: two would go on with the same journals. Held
 * until the process ends, however it ends.
 *
 * The claim is a socket in Linux's abstract namespace, which is the network namespace's own: of two workers in different
 * ones neither sees the other's.
 *
 * @throws {Error} another worker has it, and keeps it
 */
export async function claimInstances(instancesDir: string, patienceMs = PATIENCE_MS): Promise<{ release(): void }> {
  const { dev, ino } = await stat(instancesDir);
  const path = `\0varve-worker-${dev}-${ino}`;
  const end = performance.now() + patienceMs;
  for (;;) {
    const server = createServer((socket) => socket.destroy());
    try {
      server.listen(path);
      await once(server, 'listening');
      server.unref();
      return { release: () => void server.close() };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      if (performance.now() > end) {
        throw new Error(`Another worker serves the instances in ${instancesDir}`, { cause: error });
      }
      await sleep(EVERY_MS);
    }
  }
}
