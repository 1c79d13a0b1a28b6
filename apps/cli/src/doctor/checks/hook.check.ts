import { access, constants, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Check, Finding } from '../finding.js';
import { codeOf, fail, ok, skip } from '../finding.js';

/** Where libvirt (6.5 and newer) looks; what it finds there it runs before every start of a domain. */
const HOOK = '/etc/libvirt/hooks/qemu.d/varve-guard';

const GUARD = join('packaging', 'libvirt', 'varve-guard');

/** Whether libvirt asks us before it starts an instance whose disk may have to be mended first. */
export const hook: Check = {
  name: 'hook',
  async run({ hypervisor }) {
    return hypervisor === 'libvirt' ? [await judgeHook(HOOK)] : [skip('hook', 'there is no libvirt to ask it')];
  },
};

const ADVICE =
  'Run varve doctor --install-hook as root. libvirt looks for hooks when it starts: where it had none before, restart ' +
  'libvirtd (or virtqemud) once; instances go on.';

export async function judgeHook(path: string): Promise<Finding> {
  try {
    const ours = await readFile(join(await rootOf(), GUARD));
    const found = await readFile(path);
    await access(path, constants.X_OK);
    if (found.equals(ours)) return ok('hook', path);
    return fail('hook', { found: `${path} is of another version than this program`, advice: ADVICE });
  } catch (error) {
    return fail('hook', { found: `${path} can’t be used: ${codeOf(error) ?? String(error)}`, advice: ADVICE });
  }
}

/** A link, so that it is always of the version that is installed. */
export async function installHook(path = HOOK): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  await symlink(join(await rootOf(), GUARD), path);
}

/** The program is run from its sources as well as from what was built of them, which lies elsewhere. */
async function rootOf(): Promise<string> {
  for (let at = import.meta.dirname; at !== '/'; at = dirname(at)) {
    const there = await access(join(at, GUARD)).then(
      () => true,
      () => false,
    );
    if (there) return at;
  }
  throw Object.assign(new Error('the guard does not lie beside this program'), { code: 'ENOENT' });
}
