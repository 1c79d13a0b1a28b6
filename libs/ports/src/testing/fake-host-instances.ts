import { ChainDivergedError, InstanceNotRunningError, NotFoundError, OutcomeUnknownError } from '@varve/core';
import type { InstanceId, ProjectId, StateDigests } from '@varve/core';
import type { PowerState } from '../hypervisor.port.js';
import type { FakeFile, FakeFileSystem } from './fake-host-files.js';
import type { FakeQemu } from './fake-host-qemu.js';

/** How the guest agent of an instance answers. */
export type FakeAgent = 'works' | 'absent';

export interface FakeInstance {
  readonly id: InstanceId;
  readonly projectId: ProjectId;
  readonly directory: string;
  /** `.varve/chain.json` */
  record: string | null;
  /** `.varve/digests.json` */
  digests?: StateDigests | null;
  /** The same in `<instance>_resize`. */
  recordAside?: string | null;
  qemu: FakeQemu | null;
  agent: FakeAgent;
}

/**
 * Told of everything that happens on the host, before, amid and after each effect; `look` for a call that changes
 * nothing. May change the host (write as the guest, cut the power), and may throw to stand for a worker that died.
 */
export type Watcher = (point: string, instance: InstanceId) => void;

/** What all the fake ports of one host share. */
export class FakeInstances {
  private readonly byId = new Map<InstanceId, FakeInstance>();
  watcher: Watcher | null = null;

  constructor(readonly fs: FakeFileSystem) {}

  add(instance: FakeInstance): void {
    this.byId.set(instance.id, instance);
  }

  all(): FakeInstance[] {
    return [...this.byId.values()];
  }

  find(id: InstanceId): FakeInstance | null {
    return this.byId.get(id) ?? null;
  }

  require(id: InstanceId): FakeInstance {
    const instance = this.byId.get(id);
    if (!instance) throw new NotFoundError('instance', id);
    return instance;
  }

  reached(point: string, id: InstanceId): void {
    this.watcher?.(point, id);
  }

  stateOf({ qemu }: FakeInstance): PowerState {
    if (!qemu) return 'stopped';
    return qemu.paused ? 'paused' : 'running';
  }

  runningQemu(id: InstanceId): FakeQemu {
    const { qemu } = this.require(id);
    if (!qemu) throw new InstanceNotRunningError(id);
    return qemu;
  }

  /** @throws {OutcomeUnknownError} that QEMU is gone since something was asked of it */
  assertStillThere(id: InstanceId, qemu: FakeQemu): void {
    if (this.require(id).qemu !== qemu) throw new OutcomeUnknownError('QEMU ended meanwhile', { instanceId: id });
  }

  diskOf(instance: FakeInstance): FakeFile {
    const disk = this.fs.lookUp(`${instance.directory}/disk`);
    if (!disk) throw new ChainDivergedError('a file named disk', 'none');
    return disk;
  }
}
