import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { InstanceNotRunningError, OutcomeUnknownError, QuiesceFailedError } from '@varve/core';
import type { BaseImage, InstanceId } from '@varve/core';
import type { Freeze, Hypervisor, InstanceDescription, OpenLayer, PowerState } from '@varve/ports';
import { isLockedForWriting } from '../../disk-files/qemu-img/image-locks.js';
import { runTool } from '../../disk-files/qemu-img/tools.js';
import { freezeGuest, thawGuest } from './guest-freeze.js';
import { InstanceDirectories } from './instance-directories.js';
import type { DescribedInstance } from './instance-directories.js';
import { beginMerge, dismissEndedJobs, followMerge, isOurs } from './merge-job.js';
import type { Merge, MergeState } from './merge-job.js';
import { Monitors } from './monitors.js';
import { closeUnused } from './nodes.js';
import type { QmpConnection } from './qmp-connection.js';
import { replaceBacking } from './replace-backing.js';
import { beginStream, followStream } from './stream-job.js';
import type { Stream } from './stream-job.js';
import { switchToOverlay } from './switch-overlay.js';
import { readSystemDisk } from './system-disk.js';

/** Migration states in which the disk is somebody else's business. */
const IDLE_MIGRATIONS = new Set([undefined, 'none', 'completed', 'failed', 'cancelled']);

export interface QmpHypervisorOptions {
  /** Absolute; one directory per instance, with an `instance.json`. */
  readonly instancesDir: string;
  /** How long a monitor may be in use by somebody else; milliseconds. */
  readonly greetingMs?: number;
  /** How long a guest agent may take for its first word; milliseconds. */
  readonly agentSyncMs?: number;
  /** Told of instances whose description can't be used. */
  readonly onUnreadable?: (instance: InstanceId, error: unknown) => void;
}

/** QEMU processes that anybody started, each with a QMP socket in its instance directory. */
export class QmpHypervisor implements Hypervisor {
  readonly canReplaceBacking = true;
  readonly settlesUnderDiskName = false;
  private readonly directories: InstanceDirectories;
  private readonly monitors: Monitors;
  private readonly agentSyncMs: number;
  private readonly onUnreadable: (instance: InstanceId, error: unknown) => void;

  constructor(options: QmpHypervisorOptions) {
    this.directories = new InstanceDirectories(options.instancesDir);
    this.monitors = new Monitors(options.greetingMs);
    this.agentSyncMs = options.agentSyncMs ?? 3_000;
    this.onUnreadable = options.onUnreadable ?? ((_, error) => process.emitWarning(error as Error));
  }

  async list(): Promise<InstanceDescription[]> {
    const found = await Promise.all(
      (await this.directories.ids()).map(async (id) => {
        try {
          return await this.find(id);
        } catch (error) {
          this.onUnreadable(id, error);
          return null;
        }
      }),
    );
    return found.filter((instance) => instance !== null);
  }

  async find(id: InstanceId): Promise<InstanceDescription | null> {
    const described = await this.directories.describe(id);
    if (!described) return null;
    const { projectId, name } = described;
    return { id, projectId, name, state: await this.powerStateOf(described) };
  }

  async powerState(id: InstanceId): Promise<PowerState> {
    return this.powerStateOf(await this.directories.require(id));
  }

  async openLayers(id: InstanceId): Promise<OpenLayer[] | null> {
    try {
      return await this.ask(id, async (monitor, { directory }) => {
        const { images } = await readSystemDisk(monitor, directory);
        return images.map(({ path, inode, format }) => ({ name: path, inode, readOnly: format.ro }));
      });
    } catch (error) {
      if (error instanceof InstanceNotRunningError) return null;
      throw error;
    }
  }

  foreignJob(id: InstanceId): Promise<string | null> {
    return this.ask(id, async (monitor, { directory }) => {
      const { jobs } = await readSystemDisk(monitor, directory);
      const { status } = await monitor.execute<{ status?: string }>('query-migrate');
      return jobs.find((job) => !isOurs(job)) ?? (IDLE_MIGRATIONS.has(status) ? null : `migration: ${status}`);
    });
  }

  switchToOverlay(instance: InstanceId, overlay: string, deadlineMs: number): Promise<{ stallMs: number }> {
    const deadline = performance.now() + deadlineMs;
    return this.ask(instance, (monitor, { directory }) =>
      switchToOverlay(monitor, { instance, directory, overlay, deadline }),
    );
  }

  async commit(
    instance: InstanceId,
    from: string,
    into: string,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    const { directory } = await this.directories.require(instance);
    const merge: Merge = { instance, directory, from, into, bytesPerSecond: options.bytesPerSecond };
    const begun = await this.ask(instance, (monitor) => beginMerge(monitor, merge));
    await this.toTheEnd(instance, begun, (monitor) => followMerge(monitor, merge), options);
  }

  async stream(
    instance: InstanceId,
    base: BaseImage | null,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    const { directory } = await this.directories.require(instance);
    const stream: Stream = { instance, directory, base, bytesPerSecond: options.bytesPerSecond };
    const begun = await this.ask(instance, (monitor) => beginStream(monitor, stream));
    await this.toTheEnd(instance, begun, (monitor) => followStream(monitor, stream), options);
  }

  async replaceBacking(
    instance: InstanceId,
    backing: string,
    below: readonly { path: string; format: 'raw' | 'qcow2' }[],
  ): Promise<void> {
    await this.ask(instance, (monitor, { directory }) =>
      replaceBacking(monitor, { instance, directory, backing, below }),
    );
  }

  async closeLeftovers(id: InstanceId): Promise<void> {
    await this.ask(id, async (monitor, { directory }) => {
      await dismissEndedJobs(monitor);
      await closeUnused(monitor, directory);
    });
  }

  async freeze(id: InstanceId, deadlineMs: number): Promise<Freeze> {
    const { agentSocket } = await this.directories.require(id);
    if (agentSocket === null) {
      throw new QuiesceFailedError('The instance has no guest agent channel', { instanceId: id });
    }
    return freezeGuest(id, agentSocket, deadlineMs, this.agentSyncMs);
  }

  async ensureThawed(id: InstanceId): Promise<void> {
    const { agentSocket } = await this.directories.require(id);
    if (agentSocket !== null) await thawGuest(id, agentSocket, this.agentSyncMs);
  }

  async versions(): Promise<Readonly<Record<string, string>>> {
    const text = await runTool('qemu-img', ['--version']);
    return { qemu: /version (\d+(?:\.\d+)+)/.exec(text)?.[1] ?? 'unknown' };
  }

  private async powerStateOf(instance: DescribedInstance): Promise<PowerState> {
    const first = await this.askPowerState(instance);
    // A connection that broke off says that QEMU was just ending, or that another client holds the monitor.
    return first ?? (await this.askPowerState(instance)) ?? 'running';
  }

  /** @returns `null` when the monitor is there but did not answer */
  private async askPowerState({ id, qmpSocket, directory }: DescribedInstance): Promise<PowerState | null> {
    try {
      return await this.monitors.use(id, qmpSocket, async (monitor) => {
        const { running } = await monitor.execute<{ running: boolean }>('query-status');
        return running ? 'running' : 'paused';
      });
    } catch (error) {
      const absent = error instanceof InstanceNotRunningError;
      if (!absent && !(error instanceof OutcomeUnknownError)) throw error;
      // Without a monitor, or with one that somebody else uses, the lock on the disk still tells a QEMU.
      if (await isLockedForWriting(join(directory, 'disk'))) return 'running';
      return absent ? 'stopped' : null;
    }
  }

  private async ask<T>(
    id: InstanceId,
    use: (monitor: QmpConnection, instance: DescribedInstance) => Promise<T>,
  ): Promise<T> {
    const instance = await this.directories.require(id);
    try {
      return await this.monitors.use(id, instance.qmpSocket, (monitor) => use(monitor, instance));
    } catch (error) {
      if (!(error instanceof InstanceNotRunningError)) throw error;
      if (!(await isLockedForWriting(join(instance.directory, 'disk')))) throw error;
      const message = 'A QEMU process has the disk open, but nobody listens on its monitor socket';
      throw new OutcomeUnknownError(message, { instanceId: id }, { cause: error });
    }
  }

  private async toTheEnd(
    instance: InstanceId,
    begun: MergeState,
    follow: (monitor: QmpConnection) => Promise<MergeState>,
    options: { onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void> {
    let state = begun;
    for (let wait = 10; state.kind === 'running'; wait = Math.min(wait * 2, 500)) {
      if (state.totalBytes > 0) options.onProgress?.(state.doneBytes, state.totalBytes);
      await delay(wait);
      state = await this.askOn(instance, follow);
    }
  }

  /** Once a merge has begun, an instance that is gone does not mean that nothing changed. */
  private async askOn(
    instance: InstanceId,
    follow: (monitor: QmpConnection) => Promise<MergeState>,
  ): Promise<MergeState> {
    try {
      return await this.ask(instance, follow);
    } catch (error) {
      if (!(error instanceof InstanceNotRunningError)) throw error;
      const facts = { instanceId: instance };
      throw new OutcomeUnknownError('QEMU ended while it merged layers', facts, { cause: error });
    }
  }
}
