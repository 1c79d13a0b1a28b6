import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, ok, skip, warn } from '../finding.js';

const WORKER = 'varve-worker.service';
/** Whatever may start an instance at boot, by the names that Debian, Red Hat and upstream give it. */
const STARTERS = [
  'libvirtd.service',
  'virtqemud.service',
  'libvirt-guests.service',
  'nova-compute.service',
  'openstack-nova-compute.service',
];
/** Where systemd looks, the first one wins. */
const PLACES = [
  'etc/systemd/system',
  'run/systemd/system',
  'usr/local/lib/systemd/system',
  'usr/lib/systemd/system',
  'lib/systemd/system',
];

/** Whether the worker comes before whatever starts instances when the host boots. */
export const unitOrder: Check = {
  name: 'unit order',
  async run({ process }) {
    if (process !== 'worker') return [skip('unit order', 'only the worker’s matters')];
    if ((await entries('/run/systemd/system')) === null) {
      return [skip('unit order', 'no systemd: see to it that `recover` runs before anything starts an instance')];
    }
    return judgeUnits('/');
  },
};

/** @param root - of the file system that systemd sees */
export async function judgeUnits(root: string): Promise<Finding[]> {
  const worker = await unit(root, WORKER);
  if (worker === null) {
    const advice = `install -m 0644 packaging/systemd/${WORKER} /etc/systemd/system/ && systemctl enable --now varve-worker`;
    return [warn('unit order', { found: `there is no ${WORKER}`, advice })];
  }
  const late: string[] = [];
  const there: string[] = [];
  for (const name of STARTERS) {
    const starter = await unit(root, name);
    if (starter === null) continue;
    there.push(name);
    if (!words(worker, 'Before').includes(name) && !words(starter, 'After').includes(WORKER)) late.push(name);
  }
  const findings: Finding[] = [];
  if (late.length > 0) {
    findings.push(
      fail('unit order', {
        found: `may start instances before the worker has settled their disks: ${late.join(', ')}`,
        advice: `systemctl edit ${WORKER}, add [Unit] Before=${late.join(' ')}`,
      }),
    );
  } else
    findings.push(ok('unit order', `before ${there.join(', ') || 'nothing: none of what starts instances is here'}`));
  if (!(await isEnabled(root))) {
    findings.push(
      warn('unit', { found: `${WORKER} does not start at boot`, advice: `systemctl enable --now ${WORKER}` }),
    );
  }
  return findings;
}

/** The unit's file with its drop-ins; `null`: there is none. */
async function unit(root: string, name: string): Promise<string | null> {
  let main: string | null = null;
  let more = '';
  for (const place of PLACES) {
    main ??= await textOf(join(root, place, name));
    const dropIns = join(root, place, `${name}.d`);
    for (const file of ((await entries(dropIns)) ?? []).filter((one) => one.endsWith('.conf')).sort()) {
      more += `\n${(await textOf(join(dropIns, file))) ?? ''}`;
    }
  }
  return main === null ? null : main + more;
}

/** What `key=` lists, all lines together; an empty one begins anew. */
function words(text: string, key: string): string[] {
  let all: string[] = [];
  for (const [, value = ''] of text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))) {
    all = value.trim() === '' ? [] : [...all, ...value.trim().split(/\s+/)];
  }
  return all;
}

async function isEnabled(root: string): Promise<boolean> {
  for (const place of PLACES) {
    for (const folder of ((await entries(join(root, place))) ?? []).filter((one) => /\.(wants|requires)$/.test(one))) {
      if ((await entries(join(root, place, folder)))?.includes(WORKER)) return true;
    }
  }
  return false;
}

async function textOf(file: string): Promise<string | null> {
  return missingAsNull(readFile(file, 'utf8'));
}

async function entries(directory: string): Promise<string[] | null> {
  return missingAsNull(readdir(directory));
}

async function missingAsNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}
