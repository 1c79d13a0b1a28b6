import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isUuid } from '@varve/core';
import { z } from 'zod';
import { duration } from '../../output/human.js';
import type { Check, Finding } from '../finding.js';
import { codeOf, ok, skip, warn } from '../finding.js';

/** Nothing that a worker has in hand is left untouched for so long; milliseconds. */
const OLD_MS = 3_600_000;

/** Work that the worker has begun and not finished: `<instance>/.varve/journals/<epoch>-<operation>.open.jsonl`. */
export const journals: Check = {
  name: 'journals',
  async run({ instancesDir }) {
    if (instancesDir === null) return [skip('journals', 'VARVE_INSTANCES_DIR is not set')];
    const found: Finding[] = [];
    for (const instance of (await readdir(instancesDir)).filter(isUuid)) {
      const directory = join(instancesDir, instance, '.varve', 'journals');
      const open = (await namesIn(directory)).filter((name) => name.endsWith('.open.jsonl'));
      for (const name of open) found.push(await describe(instance, join(directory, name)));
    }
    return found.length === 0 ? [ok('journals', 'none is open: no work is left over')] : found;
  },
};

const Entry = z.object({
  kind: z.string(),
  procedure: z.string().optional(),
  operationId: z.string().optional(),
  step: z.string().optional(),
});

async function describe(instance: string, path: string): Promise<Finding> {
  const [text, { mtimeMs }] = [await readFile(path, 'utf8'), await stat(path)];
  const entries = text.split('\n').slice(0, -1);
  const head = Entry.safeParse(asJson(entries[0])).data;
  const last = Entry.safeParse(asJson(entries.at(-1))).data;
  const age = Date.now() - mtimeMs;
  const found =
    `${head?.procedure ?? 'something unreadable'} of instance ${instance} (operation ${head?.operationId ?? 'unknown'}) ` +
    `is at "${last?.step ?? last?.kind ?? 'an unreadable entry'}" for ${duration(age)}`;
  if (age < OLD_MS) return ok('journals', `${found}: at work`);
  return warn('journals', {
    found,
    advice:
      'The worker finishes it when it runs: see that it does (systemctl status varve-worker) and what its log says of ' +
      'this operation. Until then don’t start or move the instance by hand, and never delete the journal.',
  });
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}

/** `null` for a line that can't be read: the doctor says what it can of such a journal too. */
function asJson(line: string | undefined): unknown {
  try {
    return JSON.parse(line ?? '');
  } catch {
    return null;
  }
}
