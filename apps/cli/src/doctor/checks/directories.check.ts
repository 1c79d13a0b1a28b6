import { randomUUID } from 'node:crypto';
import { constants, copyFile, link, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { size } from '../../output/human.js';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, ok, skip, warn } from '../finding.js';

const GIB = 2 ** 30;
const NFS = 0x6969;

/** A place for layers: written to, linked within, shared copies tried, and how full it is. */
export const instancesDirectory: Check = {
  name: 'instances directory',
  async run({ instancesDir }) {
    if (instancesDir === null) return [skip('instances directory', 'VARVE_INSTANCES_DIR is not set')];
    const usable = await tryOut('instances directory', instancesDir);
    if (usable.some(({ status }) => status === 'fail')) return usable;
    return [...usable, ...(await spaceIn(instancesDir))];
  },
};

export const stateDirectory: Check = {
  name: 'state directory',
  async run({ stateDir }) {
    if (stateDir === null) return [skip('state directory', 'VARVE_STATE_DIR is not set')];
    const [first, ...rest] = await tryOut('state directory', stateDir);
    // Shared copies matter where layers are alone.
    return first?.status === 'ok' || !first ? [ok('state directory', `${stateDir} is writable`)] : [first, ...rest];
  },
};

async function tryOut(check: string, directory: string): Promise<Finding[]> {
  // A name that isn't a uuid: nobody takes it for an instance.
  const trial = join(directory, `.varve-doctor-${randomUUID()}`);
  const failed = (error: unknown): Finding[] => [
    fail(check, { found: `${directory}: ${codeOf(error) ?? String(error)}`, advice: adviceFor(codeOf(error)) }),
  ];
  let entries: string[];
  try {
    entries = await readdir(directory);
    await mkdir(trial);
  } catch (error) {
    return failed(error);
  }
  try {
    const file = join(trial, 'file');
    await writeFile(file, Buffer.alloc(65_536, 1), { flush: true });
    await link(file, join(trial, 'second name'));
    return [
      ok(check, `${directory}, ${entries.length} entries, writable, has hard links`),
      await reflinks(trial, file),
    ];
  } catch (error) {
    return failed(error);
  } finally {
    await rm(trial, { recursive: true, force: true });
  }
}

async function reflinks(trial: string, file: string): Promise<Finding> {
  try {
    await copyFile(file, join(trial, 'shared copy'), constants.COPYFILE_FICLONE_FORCE);
    return ok('reflink', 'copies share their blocks');
  } catch (error) {
    return warn('reflink', {
      found: `copies cost their full size (${codeOf(error) ?? String(error)})`,
      advice:
        'Everything works, but snapshots of stopped instances and merges by copy read and write more. XFS (reflink=1, ' +
        'the default of mkfs.xfs) and btrfs share blocks.',
    });
  }
}

function adviceFor(code: string | null): string {
  switch (code) {
    case 'ENOENT':
      return 'Create it, or correct the setting.';
    case 'EACCES':
    case 'EPERM':
      return 'The worker needs to read and write there; run it (and the doctor) as root, or as the owner of the images.';
    case 'EROFS':
      return 'The file system is read-only: look at dmesg, mount it again.';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'It is full: make room before anything else; guests stop on write errors.';
    case 'ENOTSUP':
    case 'EMLINK':
      return 'Hard links are needed there; use another file system.';
    default:
      return 'The worker can do nothing without it.';
  }
}

async function spaceIn(directory: string): Promise<Finding[]> {
  const { bavail, blocks, bsize, ffree, files, type } = await statfs(directory);
  const free = bavail * bsize;
  const share = bavail / Math.max(1, blocks);
  const found = `${size(free)} free (${Math.floor(share * 100)} %)`;
  const findings: Finding[] = [];
  const advice = 'A guest stops when its layer can grow no more. Make room, or move instances away.';
  if (free < GIB || share < 0.02) findings.push(fail('free space', { found, advice }));
  else if (free < 10 * GIB || share < 0.1) findings.push(warn('free space', { found, advice }));
  else findings.push(ok('free space', found));
  if (files > 0 && ffree / files < 0.02) {
    findings.push(fail('free inodes', { found: `${ffree} of ${files}`, advice: 'No new layer can be made soon.' }));
  }
  if (type === NFS) {
    findings.push(
      warn('file system', {
        found: 'the instances lie on NFS',
        advice: 'Locks of other hosts don’t show in /proc/locks: no instance may be started on two hosts at once.',
      }),
    );
  }
  return findings;
}
