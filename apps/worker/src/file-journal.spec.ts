import type { InstanceId, OperationId } from '@varve/core';
import { JournalUnwritableError } from '@varve/procedures';
import type { JournalHead } from '@varve/procedures';
import { appendFile, chown, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchSyncs } from '../../../testbed/watch-syncs.ts';
import { FileJournals } from './file-journal.js';

const instance = '11111111-1111-4111-8111-111111111111' as InstanceId;
const operation = (n: number): OperationId => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}` as OperationId;
const head = (n: number): JournalHead => ({
  kind: 'open',
  procedure: 'snapshot.take',
  procedureVersion: 1,
  operationId: operation(n),
  epoch: n,
  request: { instanceId: instance },
  at: '2026-01-01T00:00:00Z',
});

describe('FileJournals', () => {
  let root: string;
  let journals: FileJournals;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-journals-'));
    await mkdir(join(root, instance));
    journals = new FileJournals(root);
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('gives back in another life what was appended, in order', async () => {
    const journal = await journals.create(instance, head(7));
    await journal.append({ kind: 'begin', step: 'a' });
    await journal.append({ kind: 'done', step: 'a', result: { bytes: 2 ** 40 } });
    const [again, ...others] = await new FileJournals(root).listOpen();
    expect(others).toEqual([]);
    expect(again?.entries).toEqual(journal.entries);
    expect(again?.head).toEqual(head(7));
  });

  it('is on the disk with its name before another life goes by it: the first may have died before it synced', async () => {
    const { path } = await journals.create(instance, head(1));
    const dir = join(root, instance);
    const synced = await watchSyncs();
    for (const read of [
      () => journals.listOpen(),
      () => journals.openOf(instance),
      () => journals.find(instance, operation(1)),
    ]) {
      await read();
      expect(synced.splice(0).sort()).toEqual([dir, join(dir, '.varve'), join(dir, '.varve/journals'), path]);
    }
  });

  it('counts the open ones without reading them', async () => {
    expect(await journals.countOpen()).toBe(0);
    await journals.create(instance, head(1));
    await journals.close(await journals.create(instance, head(2)));
    const synced = await watchSyncs();
    expect(await journals.countOpen()).toBe(1);
    expect(synced).toEqual([]);
  });

  it("leaves nothing that the instance's owner could not delete", async () => {
    const dir = join(root, instance);
    // Only root can give a directory away; for others it is their own anyhow.
    if (process.getuid?.() === 0) await chown(dir, 4242, 4343);
    const { uid, gid } = await stat(dir);
    const { path } = await journals.create(instance, head(1));
    for (const made of [path, join(dir, '.varve/journals'), join(dir, '.varve')]) {
      expect(await stat(made)).toMatchObject({ uid, gid });
    }
  });

  it('says of each entry when it was written', async () => {
    const before = Date.now();
    const journal = await journals.create(instance, head(1));
    await journal.append({ kind: 'begin', step: 'a' });
    const at = Date.parse((await journals.find(instance, operation(1)))?.entries.at(-1)?.at ?? '');
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  it('drops the line that a crash cut short, and goes on after it', async () => {
    const journal = await journals.create(instance, head(1));
    await journal.append({ kind: 'begin', step: 'a' });
    await appendFile(journal.path, '{"kind":"done","step":"a","resu');
    const again = await new FileJournals(root).find(instance, operation(1));
    expect(again?.entries).toMatchObject([head(1), { kind: 'begin', step: 'a' }]);
    await again?.append({ kind: 'no-return' });
    const third = await new FileJournals(root).find(instance, operation(1));
    expect(third?.entries.at(-1)).toMatchObject({ kind: 'no-return' });
  });

  it('holds every entry whole, in order, when several are appended at once', async () => {
    const journal = await journals.create(instance, head(1));
    const entries = Array.from({ length: 30 }, (_, n) => ({
      kind: 'begin' as const,
      step: 'x'.repeat((n * 37) % 100),
    }));
    await Promise.all(entries.map((entry) => journal.append(entry)));
    expect((await new FileJournals(root).find(instance, operation(1)))?.entries).toMatchObject([head(1), ...entries]);
  });

  it('can be read by others while it is written, who change nothing', async () => {
    const journal = await journals.create(instance, head(1));
    await appendFile(journal.path, '{"kind":"done","st');
    await journals.listOpen();
    expect(await readFile(journal.path, 'utf8')).toMatch(/"st$/);
  });

  it('finds an operation again after it was closed, and no longer lists it as open', async () => {
    await journals.close(await journals.create(instance, head(1)));
    expect(await journals.listOpen()).toEqual([]);
    expect((await journals.find(instance, operation(1)))?.entries.at(-1)).toMatchObject({ kind: 'closed' });
    expect(await journals.find(instance, operation(2))).toBeNull();
  });

  it('remembers the newest epoch by what it keeps, however many it has forgotten', async () => {
    expect(await journals.latestEpoch(instance)).toBe(0);
    for (let n = 1; n <= 25; n++) await journals.close(await journals.create(instance, head(n)));
    expect(await journals.latestEpoch(instance)).toBe(25);
    expect(await readdir(join(root, instance, '.varve', 'journals'))).toHaveLength(20);
  });

  it('does not bring back the directory of an instance that was deleted', async () => {
    const journal = await journals.create(instance, head(1));
    await rm(join(root, instance), { recursive: true });
    await expect(journal.append({ kind: 'no-return' })).rejects.toThrow(JournalUnwritableError);
    await expect(readdir(root)).resolves.toEqual([]);
    await expect(journals.create(instance, head(2))).rejects.toThrow();
    await expect(readdir(root)).resolves.toEqual([]);
  });

  it('takes nothing more after a write has failed', async () => {
    const journal = await journals.create(instance, head(1));
    await rm(journal.path);
    await expect(journal.append({ kind: 'no-return' })).rejects.toThrow(JournalUnwritableError);
    await expect(journal.append({ kind: 'no-return' })).rejects.toThrow(JournalUnwritableError);
    expect(journal.entries).toHaveLength(1);
  });
});
