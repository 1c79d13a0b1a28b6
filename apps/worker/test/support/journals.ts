// What the worker wrote down about its procedures.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The steps of an instance's newest procedure, in the order in which they began. */
export function stepsOfNewest(instanceDir: string): string[] {
  const dir = join(instanceDir, '.varve', 'journals');
  const newest = readdirSync(dir).sort().at(-1);
  if (newest === undefined) throw new Error('there is no journal');
  const lines = readFileSync(join(dir, newest), 'utf8').trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line) as { kind: string; step?: string });
  return entries.flatMap(({ kind, step }) => (kind === 'begin' && step !== undefined ? [step] : []));
}
