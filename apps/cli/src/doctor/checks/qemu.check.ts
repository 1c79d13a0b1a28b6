import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import type { Check, Finding } from '../finding.js';
import { fail, ok, skip, warn } from '../finding.js';

const run = promisify(execFile);

/** Where distributions put it: Debian and upstream, then Red Hat. */
const EMULATORS: Readonly<Record<string, readonly string[]>> = {
  x64: ['qemu-system-x86_64', '/usr/libexec/qemu-kvm', 'kvm'],
  arm64: ['qemu-system-aarch64', '/usr/libexec/qemu-kvm'],
};
/** Beside QEMU's: both keep a tool that a hostile image drives mad within limits. */
const TOOLS = ['qemu-img', 'qemu-nbd', 'setpriv', 'prlimit'];

export type Version = readonly [major: number, minor: number, patch: number];

/** Layers are made with extended L2 entries, which is what makes small writes cheap to store. */
const NEEDED: Version = [5, 2, 0];
/** Before it, `block-stream` into a layer with extended L2 entries ends QEMU by an assertion. Seen with 7.2.22. */
const STREAM_MENDED: Version = [8, 2, 0];

export const qemu: Check = {
  name: 'qemu',
  async run() {
    const findings: Finding[] = [];
    const emulator = await firstOf(EMULATORS[process.arch] ?? EMULATORS['x64'] ?? []);
    if (emulator === null) findings.push(skip('qemu', 'no emulator on the PATH; the running instances tell their own'));
    else findings.push(judge('qemu', emulator, versionIn(await versionText(emulator))));

    for (const tool of TOOLS) {
      const path = await firstOf([tool]);
      if (path === null) {
        const from = tool.startsWith('qemu') ? 'qemu-utils (Debian) or qemu-img (Red Hat)' : 'util-linux';
        findings.push(fail(tool, { found: 'not on the PATH', advice: `Install the package ${from}.` }));
      } else if (tool === 'qemu-img') {
        findings.push(judge(tool, path, versionIn(await versionText(path))));
      } else findings.push(ok(tool, path));
    }
    return findings;
  },
};

export function judge(check: string, path: string, version: Version | null): Finding {
  if (version === null) {
    return warn(check, {
      found: `${path} does not tell its version`,
      advice: 'Make sure that it is QEMU 5.2 or newer.',
    });
  }
  const found = `${version.join('.')} (${path})`;
  if (isBefore(version, NEEDED)) {
    return fail(check, { found, advice: 'Layers need extended L2 entries: upgrade to QEMU 5.2 or newer.' });
  }
  if (check === 'qemu' && isBefore(version, STREAM_MENDED)) {
    return warn(check, {
      found,
      advice:
        'Nobody may run block-stream (virsh blockpull) or copy-on-read into a layer on this host: QEMU before 8.2 dies ' +
        'of it when the layer has extended L2 entries, as ours do. Varve itself never does.',
    });
  }
  return ok(check, found);
}

/** From `QEMU emulator version 7.2.22 (Debian …)` or `qemu-img version 8.0.0`. */
export function versionIn(text: string): Version | null {
  const [, major, minor, patch] = /version (\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  return major === undefined || minor === undefined ? null : [Number(major), Number(minor), Number(patch ?? 0)];
}

function isBefore(version: Version, other: Version): boolean {
  const at = version.findIndex((number, i) => number !== other[i]);
  return at >= 0 && (version[at] ?? 0) < (other[at] ?? 0);
}

const versionText = async (path: string): Promise<string> =>
  (await run(path, ['--version'], { timeout: 10_000 })).stdout;

async function firstOf(names: readonly string[]): Promise<string | null> {
  const folders = (process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin').split(delimiter);
  for (const path of names.flatMap((name) => (isAbsolute(name) ? [name] : folders.map((one) => join(one, name))))) {
    const there = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return null;
}
