import type { PowerState } from '@varve/ports';
import type { Virsh } from './virsh.js';

/** virDomainState; `null`: it depends on whether QEMU still has the disk. */
const STATES: Readonly<Record<string, PowerState | null>> = {
  0: null, // no state
  1: 'running',
  2: 'running', // blocked
  3: 'paused',
  4: 'running', // shutting down
  5: null, // shut off; QEMU may be on its way out or in
  6: null, // crashed
  7: 'paused', // suspended by the guest
};

/**
 * What libvirt says of the states of domains, in one call and without waiting for any QEMU.
 *
 * @param domains - uuids or names; none for all
 * @returns by name
 */
export async function statesOf(virsh: Virsh, domains: readonly string[] = []): Promise<Map<string, PowerState | null>> {
  const text = await virsh.run('domstats', ['--nowait', '--state', ...domains]);
  const states = new Map<string, PowerState | null>();
  for (const [, name = '', state = ''] of text.matchAll(/^Domain: '(.*)'$\n\s*state\.state=(\d+)/gm)) {
    states.set(name, STATES[state] ?? null);
  }
  return states;
}
