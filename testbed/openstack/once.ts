// Work that a state folder needs once: schemas, keys, users.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Does `work` unless it has succeeded here before. What it does must bear being done again after a half-way failure. */
export async function once(dir: string, name: string, work: () => Promise<void>): Promise<void> {
  const marker = join(dir, 'done', name);
  if (existsSync(marker)) return;
  await work();
  mkdirSync(join(dir, 'done'), { recursive: true });
  writeFileSync(marker, '');
}
