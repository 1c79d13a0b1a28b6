import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ChainDivergedError, filesNeededBy } from '@varve/core';
import type { ChainRecord, InstanceId } from '@varve/core';
import { parseChainRecord } from './chain-record.js';
import { ifThere, inodeOrNull, makeDirectory, sync } from './durable.js';
import { layerIn } from './instance-files.js';
import type { InstanceFiles } from './instance-files.js';

// Nova renames an instance's directory to `<instance>_resize`, and copies `disk` alone into a new one. When that copy can't
// be opened without its layers, Nova gives up and leaves both as they are.

/** The chain record there, if every file of the chain lies beside it, and is the very one. */
export async function readSetAside(files: InstanceFiles, instance: InstanceId): Promise<ChainRecord | null> {
  const aside = files.aside(instance);
  const text = await ifThere(readFile(join(aside, '.varve', 'chain.json'), 'utf8'));
  if (text === null) return null;
  const record = parseChainRecord(text);
  if (record.instanceId !== instance) return null;
  const disk = await inodeOrNull(join(aside, 'disk'));
  const inodes = new Set<string | null>();
  for (const { fileId, inode } of record.files) {
    const path = await layerIn(join(aside, 'layers', fileId));
    if (path === null || (await inodeOrNull(path)) !== inode) return null;
    inodes.add(inode);
  }
  // A worker that died between a switch and the move of `disk` moves it on before the next start: see `settleDisk`.
  if (disk === null || !inodes.has(disk)) return null;
  if (record.base && !(await ifThere(stat(record.base.path)))) return null;
  return record;
}

/**
 * Moves it all back. `disk` first, over what Nova had copied: from then on it stands on layers that are not there yet, so
 * that nothing can start it too early. The record goes last: while it is still there, all this can be done again.
 */
export async function takeSetAsideBack(files: InstanceFiles, instance: InstanceId): Promise<void> {
  const [aside, directory] = [files.aside(instance), files.directory(instance)];
  const text = await ifThere(readFile(join(aside, '.varve', 'chain.json'), 'utf8'));
  if (text !== null) await moveBack(files, instance, parseChainRecord(text));
  else if ((await ifThere(readFile(files.record(instance), 'utf8'))) === null) {
    throw new ChainDivergedError('the chain record that was set aside', 'none');
  }
  // Also what an earlier life moved that died then. What is left of the other directory is all that could bring it back.
  for (const each of [files.varve(instance), directory]) await sync(each);
  await rm(aside, { recursive: true, force: true });
  await sync(join(directory, '..'));
}

async function moveBack(files: InstanceFiles, instance: InstanceId, record: ChainRecord): Promise<void> {
  const [aside, directory] = [files.aside(instance), files.directory(instance)];
  const owner = await files.owner(instance);
  await makeDirectory(directory, files.layers(instance), owner);
  await makeDirectory(directory, join(files.varve(instance), 'journals'), owner);
  await move(join(aside, 'disk'), files.disk(instance));
  await sync(directory);

  const ours = new Set(['.varve', 'layers', 'disk']);
  for (const name of ((await ifThere(readdir(aside))) ?? []).filter((entry) => !ours.has(entry))) {
    await rm(join(directory, name), { recursive: true, force: true });
    await move(join(aside, name), join(directory, name));
  }
  // Of the copy that did not come to be a disk, nothing stays.
  const kept = new Set<string>([...filesNeededBy(record), ...record.transient]);
  for (const name of await readdir(files.layers(instance))) {
    if (!kept.has(name)) await rm(join(files.layers(instance), name), { recursive: true });
  }
  const journals = join('.varve', 'journals');
  for (const folder of [journals, 'layers']) {
    for (const name of (await ifThere(readdir(join(aside, folder)))) ?? []) {
      await move(join(aside, folder, name), join(directory, folder, name));
    }
    await sync(join(directory, folder));
  }
  for (const name of (await ifThere(readdir(join(aside, '.varve')))) ?? []) {
    if (!['journals', 'chain.json'].includes(name))
      await move(join(aside, '.varve', name), join(files.varve(instance), name));
  }
  await move(join(aside, '.varve', 'chain.json'), files.record(instance));
}

/** Done already where there is nothing any more. */
async function move(from: string, to: string): Promise<void> {
  await ifThere(rename(from, to));
}
