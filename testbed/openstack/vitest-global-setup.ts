// For the vitest project `openstack`: the cloud that runs, or one that is brought up for this run and taken down again.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DEFAULT_STATE_DIR } from './cloud-file.ts';

const cli = (...args: string[]): void => {
  const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'cli.ts'), ...args], { stdio: 'inherit' });
  if (status !== 0) throw new Error(`testbed:openstack ${args.join(' ')} failed`);
};

export default function setup(): () => void {
  const ran = existsSync(join(DEFAULT_STATE_DIR, 'openstack.json'));
  // Does nothing where it runs, and brings back one whose holder was killed.
  cli('up');
  return () => {
    if (!ran) cli('down');
  };
}
