import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** What takes minutes, the longest first. A name too many does no harm. */
const LONG = [
  'death-of-qemu.e2e.spec.ts',
  'death-of-the-host.e2e.spec.ts',
  'death-of-the-worker.e2e.spec.ts',
  'snapshots-and-rollbacks.e2e.spec.ts',
  'procedures.real.spec.ts',
  'libvirt-hypervisor.real.spec.ts',
  'guest.real.spec.ts',
  'outages.real.spec.ts',
  'libvirt-faults.real.spec.ts',
  'qmp-hypervisor.real.spec.ts',
  'completion.real.spec.ts',
  'broker.real.spec.ts',
  'settle-system-disk.crash.spec.ts',
  'snapshot-system-disk.crash.spec.ts',
];

/**
 * Begins with the files that take long. vitest does so by itself where it has run before; on a fresh machine it goes by
 * their size, begins one of them last, and all cores but one wait for it.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((name) => moduleId.endsWith(`/${name}`));
      return at < 0 ? LONG.length : at;
    };
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}
