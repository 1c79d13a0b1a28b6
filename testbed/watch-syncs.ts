import { fsyncSync, readlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { onTestFinished, vi } from 'vitest';

/**
 * The files and directories that are synced until the test ends, in that order.
 *
 * @param onSync - called before each of them
 */
export async function watchSyncs(onSync: (path: string) => void = () => undefined): Promise<string[]> {
  const handle = await open('/', 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const synced: string[] = [];
  const spy = vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    const path = readlinkSync(`/proc/self/fd/${this.fd}`);
    onSync(path);
    fsyncSync(this.fd);
    synced.push(path);
  });
  onTestFinished(() => spy.mockRestore());
  return synced;
}
