import { readFile } from 'node:fs/promises';
import type { Check } from '../finding.js';
import { codeOf, fail, ok } from '../finding.js';

/** QEMU's locks are how we know that an image is open. Whether they show for real instances, `instances` looks at. */
export const locks: Check = {
  name: 'locks',
  async run() {
    try {
      const lines = (await readFile('/proc/locks', 'utf8')).split('\n').filter(Boolean);
      return [ok('locks', `/proc/locks is readable, ${lines.length} locks`)];
    } catch (error) {
      return [
        fail('locks', {
          found: `/proc/locks can't be read: ${codeOf(error) ?? String(error)}`,
          advice: 'Without it nobody can tell whether an image is in use. Give the worker the host’s /proc.',
        }),
      ];
    }
  },
};
