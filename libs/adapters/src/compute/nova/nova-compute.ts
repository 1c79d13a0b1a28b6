import { setTimeout as sleep } from 'node:timers/promises';
import {
  DiskUnsupportedError,
  HypervisorRefusedError,
  InstanceNotReadyError,
  NotFoundError,
  obstacleIn,
  OutcomeUnknownError,
} from '@varve/core';
import type { ImageId, InstanceId } from '@varve/core';
import type { Compute, Intent, PowerState } from '@varve/ports';
import type { NovaApi, NovaServer } from '../../openstack/index.js';

export interface NovaComputeOptions {
  readonly nova: NovaApi;
  /** What Nova calls this host: work on an instance of another is refused. */
  readonly host: string;
  /** What the hypervisor itself says: Nova may be behind it. */
  readonly powerState: (instance: InstanceId) => Promise<PowerState>;
  /** Awaited before Nova is asked to start an instance. */
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
  /** Milliseconds to wait for what Nova is doing with an instance. */
  readonly busyTimeoutMs?: number;
  /** Milliseconds, beyond the guest's grace, for Nova to stop one. */
  readonly stopTimeoutMs?: number;
  readonly startTimeoutMs?: number;
  readonly pollMs?: number;
}

/**
 * The instances' power in Nova's hands. Everything is asked of Nova and never done behind its back: its power sync would
 * undo it some seconds later.
 */
export class NovaCompute implements Compute {
  private readonly nova: NovaApi;
  private readonly options: Required<Omit<NovaComputeOptions, 'nova' | 'beforeStart'>>;
  private readonly beforeStart: (instance: InstanceId) => Promise<void>;

  constructor({ nova, beforeStart = () => Promise.resolve(), ...options }: NovaComputeOptions) {
    this.nova = nova;
    this.beforeStart = beforeStart;
    this.options = { busyTimeoutMs: 60_000, stopTimeoutMs: 120_000, startTimeoutMs: 180_000, pollMs: 500, ...options };
  }

  async assertFree(instance: InstanceId, intent: Intent): Promise<void> {
    const server = await this.whenIdle(instance, this.options.busyTimeoutMs);
    const obstacle = obstacleIn(server.vmState, instance, intent === 'repair' ? 'repair' : 'any');
    if (obstacle) throw obstacle;
    assertLocalDisk(server);
    // Nova's own createImage does not heed the lock either; what changes the instance does.
    if (server.locked && intent !== 'snapshot') {
      throw new InstanceNotReadyError('instance_locked', `Instance ${instance} is locked; unlock it first`, {
        instanceId: instance,
      });
    }
  }

  async imageOf(instance: InstanceId): Promise<ImageId | null> {
    return (await this.nova.imageOf(instance)) as ImageId | null;
  }

  /**
   * The grace is Nova's own (`shutdown_timeout`, or the image's `os_shutdown_timeout`): its API takes none.
   * A paused guest is let go on first, or it could not shut down; Nova refuses to stop it otherwise.
   */
  async stop(instance: InstanceId, graceMs: number): Promise<void> {
    const end = Date.now() + graceMs + this.options.stopTimeoutMs;
    for (let refusal = 'it is still running'; ; await sleep(this.options.pollMs)) {
      // Told apart from what was begun: a deadline in here is not the instance's.
      const server = await this.whenIdle(instance, Math.max(end - Date.now(), 0));
      if (isOff(server) && (await this.options.powerState(instance)) === 'stopped') return;
      if (Date.now() > end) {
        throw new OutcomeUnknownError(`Nova has not stopped instance ${instance}: ${refusal}`, {
          instanceId: instance,
          vmState: server.vmState,
        });
      }
      // Nova thinks that it is off: it finds out by itself and stops it.
      if (server.vmState === 'stopped') continue;
      const obstacle = obstacleIn(server.vmState, instance);
      if (obstacle && server.vmState !== 'error') throw obstacle;
      const answer = await this.nova.act(
        instance,
        server.vmState === 'paused' ? { unpause: null } : { 'os-stop': null },
      );
      if (answer.kind === 'gone') throw new NotFoundError('instance', instance);
      if (answer.kind === 'conflict') refusal = answer.message;
    }
  }

  async start(instance: InstanceId): Promise<void> {
    const end = Date.now() + this.options.startTimeoutMs;
    for (let asked = false; ; await sleep(this.options.pollMs)) {
      const server = await this.whenIdle(instance, Math.max(end - Date.now(), 0));
      const isUp = (await this.options.powerState(instance)) !== 'stopped';
      if (server.vmState === 'active' && isUp) return;
      if (Date.now() > end) {
        throw new OutcomeUnknownError(`Nova has not started instance ${instance}`, {
          instanceId: instance,
          vmState: server.vmState,
        });
      }
      const obstacle = obstacleIn(server.vmState, instance);
      if (obstacle) throw asked ? await this.refusal(server) : obstacle;
      // Nova sets the task before it answers: idle and stopped again, it has tried and failed.
      if (asked && server.vmState === 'stopped') throw await this.refusal(server);
      await this.beforeStart(instance);
      const answer = await this.nova.act(instance, startOf(server));
      if (answer.kind === 'gone') throw new NotFoundError('instance', instance);
      asked ||= answer.kind === 'accepted';
    }
  }

  /** The server once no task is at it. */
  private async whenIdle(instance: InstanceId, timeoutMs: number): Promise<NovaServer> {
    for (const end = Date.now() + timeoutMs; ; await sleep(this.options.pollMs)) {
      const server = await this.nova.server(instance);
      if (!server) throw new NotFoundError('instance', instance);
      const { taskState, host } = server;
      if (taskState === null) {
        this.assertHere(server);
        return server;
      }
      if (Date.now() < end) continue;
      const code = taskState.includes('migrat') || taskState.includes('resize') ? 'instance_moving' : 'instance_busy';
      throw new InstanceNotReadyError(code, `Nova is busy with instance ${instance}: ${taskState}`, {
        instanceId: instance,
        taskState,
        ...(host !== null && { host }),
      });
    }
  }

  private assertHere({ id, host, vmState }: NovaServer): void {
    if (host === this.options.host) return;
    // Deleted or shelved ones are nowhere, which their state says better.
    const obstacle = host === null ? obstacleIn(vmState, id) : null;
    throw (
      obstacle ??
      new InstanceNotReadyError('instance_elsewhere', `Nova has instance ${id} on ${host ?? 'no host'}, not here`, {
        instanceId: id,
        host: host ?? 'none',
        here: this.options.host,
      })
    );
  }

  /** Why Nova's last start failed, as far as it tells: most of it is in its log alone. */
  private async refusal({ id, vmState, fault }: NovaServer): Promise<HypervisorRefusedError> {
    const [last] = (await this.nova.actions(id)).filter(({ action }) => action === 'start');
    const action = last ? await this.nova.action(id, last.request_id) : null;
    const details = action?.events.find(({ result }) => result === 'Error')?.details ?? fault ?? action?.message;
    return new HypervisorRefusedError(`Nova could not start instance ${id}: ${details ?? 'its log says why'}`, {
      instanceId: id,
      vmState,
      ...(last && { novaRequestId: last.request_id }),
    });
  }
}

/** What makes it run. It may have gone down without Nova's having noticed: then a start would be refused. */
function startOf({ vmState }: NovaServer): Readonly<Record<string, unknown>> {
  switch (vmState) {
    case 'paused':
      return { unpause: null };
    case 'active':
      return { reboot: { type: 'HARD' } };
    default:
      return { 'os-start': null };
  }
}

const isOff = ({ vmState, isPoweredOff }: NovaServer): boolean => vmState === 'stopped' && isPoweredOff;

/** What Nova's API tells of the disk; what only the host knows (raw, LVM, RBD) is found out by looking at it. */
function assertLocalDisk({ id, imageId, encrypted }: NovaServer): void {
  if (imageId === null) {
    throw new DiskUnsupportedError('disk_not_local', `Instance ${id} boots from a volume; Cinder takes its snapshots`, {
      instanceId: id,
    });
  }
  if (encrypted) {
    throw new DiskUnsupportedError('disk_encrypted', `The disks of instance ${id} are encrypted`, { instanceId: id });
  }
}
