import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, ok, skip } from '../finding.js';

const ENABLED = '/sys/module/apparmor/parameters/enabled';
export const HELPER = '/etc/apparmor.d/usr.lib.libvirt.virt-aa-helper';

/**
 * libvirt's helper follows a disk's backing chain to write each domain's profile, and has a profile itself. As Debian ships
 * it, it may read `_base/*` and `disk`, and nothing below `layers`: a domain with layers of ours would be denied its own disk.
 */
export const apparmor: Check = {
  name: 'AppArmor',
  async run({ hypervisor, instancesDir }) {
    if (hypervisor !== 'libvirt' || instancesDir === null) return [skip('AppArmor', 'libvirt confines nothing here')];
    const enabled = (await textOf(ENABLED)) ?? 'N';
    if (!enabled.startsWith('Y')) return [skip('AppArmor', 'not enabled in this kernel')];
    return [await judgeHelper(HELPER, instancesDir)];
  },
};

/** @param profile - with `#include <local/…>` beside it */
export async function judgeHelper(profile: string, instancesDir: string): Promise<Finding> {
  const shipped = await textOf(profile);
  if (shipped === null) return ok('AppArmor', `enabled; there is no ${profile}, so libvirt’s helper is not confined`);
  const local = join(dirname(profile), 'local', profile.slice(dirname(profile).length + 1));
  const rules = readable(`${shipped}\n${(await textOf(local)) ?? ''}`);
  const layer = join(instancesDir, '11111111-1111-4111-8111-111111111111', 'layers', 'id', 'a'.repeat(40));
  if (rules.some((rule) => rule.test(layer))) return ok('AppArmor', 'libvirt’s helper may follow chains with layers');
  return fail('AppArmor', {
    found: `libvirt’s helper may not read ${instancesDir}/*/layers: a domain with layers would not start`,
    advice: `echo '${instancesDir}/*/layers/** r,' >> ${local} && apparmor_parser -r ${profile}`,
  });
}

/** The paths that a profile lets be read, as patterns. Variables (`@{HOME}`) are left alone: they match nothing of ours. */
function readable(text: string): RegExp[] {
  const rules = text.matchAll(/^\s*(?:owner\s+)?(\/\S+)\s+([a-zA-Z]+),/gm);
  return [...rules].flatMap(([, path = '', may = '']) => (may.includes('r') ? patternOf(path) : []));
}

function patternOf(glob: string): RegExp {
  let depth = 0;
  const source = glob.replaceAll(/\*\*|[*?{},.+^$()|\\]/g, (one) => {
    if (one === '**') return '.*';
    if (one === '*') return '[^/]*';
    if (one === '?') return '[^/]';
    if (one === '{') return (depth++, '(?:');
    if (one === '}') return (depth--, ')');
    if (one === ',') return depth > 0 ? '|' : ',';
    return `\\${one}`;
  });
  return new RegExp(`^${source}$`);
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}
