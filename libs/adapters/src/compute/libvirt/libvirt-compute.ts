import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  HypervisorRefusedError,
  InstanceNotReadyError,
  InstanceNotRunningError,
  OutcomeUnknownError,
} from '@varve/core';
import type { InstanceId } from '@varve/core';
import type { Compute, Hypervisor, Intent } from '@varve/ports';
import { isLockedForWriting } from '../../disk-files/qemu-img/image-locks.js';
import { mendDefinition } from '../../hypervisor/libvirt/definition.js';
import { parseDomain } from '../../hypervisor/libvirt/domain-xml.js';
import { ownDiskOf } from '../../hypervisor/libvirt/libvirt-disk.js';
import { LibvirtHypervisor } from '../../hypervisor/libvirt/libvirt-hypervisor.js';
import { Virsh, VirshError } from '../../hypervisor/libvirt/virsh.js';
import { Turns } from '../../hypervisor/qmp/turns.js';

const POLL_MS = 100;
const END_MS = 20_000;

export interface LibvirtComputeOptions {
  /** Absolute; the same as the hypervisor adapter's. */
  readonly instancesDir: string;
  readonly uri: string;
  /** Awaited before QEMU may open the disk, on every start: here a disk is mended that a crash left half-way. */
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
}

/** A libvirt host without Nova: nobody else starts and stops its domains. Beside Nova, it would fight Nova's idea. */
export class LibvirtCompute implements Compute {
  private readonly virsh: Virsh;
  private readonly hypervisor: Hypervisor;
  private readonly instancesDir: string;
  private readonly beforeStart: (instance: InstanceId) => Promise<void>;
  private readonly turns = new Turns();

  constructor({ instancesDir, uri, beforeStart }: LibvirtComputeOptions) {
    this.virsh = new Virsh(uri);
    this.hypervisor = new LibvirtHypervisor({ instancesDir, uri });
    this.instancesDir = instancesDir;
    this.beforeStart = beforeStart ?? (() => Promise.resolve());
  }

  start(id: InstanceId): Promise<void> {
    return this.turns.take(id, async () => {
      await this.beforeStart(id);
      const state = await this.hypervisor.powerState(id);
      if (state === 'running') return;
      if (state === 'stopped') await this.mend(id);
      await this.told(id, state === 'paused' ? 'resume' : 'start');
    });
  }

  stop(id: InstanceId, graceMs: number): Promise<void> {
    return this.turns.take(id, async () => {
      const state = await this.hypervisor.powerState(id);
      if (state === 'stopped') return;
      if (graceMs > 0 && state === 'running') {
        await this.toldIfThere(id, 'shutdown');
        if (await this.hasEnded(id, graceMs)) return;
      }
      await this.toldIfThere(id, 'destroy');
      if (!(await this.hasEnded(id, END_MS))) {
        throw new OutcomeUnknownError('The QEMU process does not end', { instanceId: id });
      }
    });
  }

  /**
   * A domain whose memory was saved goes on from there at its next start, and goes by the disk as it was: another disk
   * below it would be ruined. A copy of that disk does no harm.
   */
  async assertFree(id: InstanceId, intent: Intent): Promise<void> {
    if (intent !== 'rollback') return;
    try {
      if (!(await this.virsh.uuids('--all', '--with-managed-save')).includes(id)) return;
    } catch (error) {
      throw await this.virsh.refusal(error, id);
    }
    throw new InstanceNotReadyError('instance_suspended', 'libvirt has its memory saved; start it first', {
      instanceId: id,
    });
  }

  /** A definition that a worker left naming layers would not start on what `disk` leads to. */
  private async mend(id: InstanceId): Promise<void> {
    const domain = parseDomain(await this.told(id, 'dumpxml', '--inactive'));
    const own = await ownDiskOf(join(this.instancesDir, id), domain);
    if (own !== null) await mendDefinition(this.virsh, id, own.target, join(this.instancesDir, id, 'disk'));
  }

  private async hasEnded(id: InstanceId, withinMs: number): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    const disk = join(this.instancesDir, id, 'disk');
    while ((await this.hypervisor.powerState(id)) !== 'stopped' || (await isLockedForWriting(disk))) {
      if (performance.now() > deadline) return false;
      await delay(POLL_MS);
    }
    return true;
  }

  private async told(id: InstanceId, command: string, ...args: string[]): Promise<string> {
    try {
      return await this.virsh.run(command, [id, ...args], 120_000);
    } catch (error) {
      throw await this.virsh.refusal(error, id);
    }
  }

  /** An instance that ends by itself in the same moment has what we wanted. */
  private async toldIfThere(id: InstanceId, command: string): Promise<void> {
    try {
      await this.told(id, command);
    } catch (error) {
      const refused = error instanceof HypervisorRefusedError && error.cause instanceof VirshError;
      if (!refused && !(error instanceof InstanceNotRunningError)) throw error;
      if ((await this.hypervisor.powerState(id)) !== 'stopped') throw error;
    }
  }
}
