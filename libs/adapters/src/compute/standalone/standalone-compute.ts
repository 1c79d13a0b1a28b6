import { spawn } from 'node:child_process';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HypervisorRefusedError, InstanceNotRunningError, OutcomeUnknownError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import type { Compute } from '@varve/ports';
import { makeDirectory } from '../../disk-files/qemu-img/durable.js';
import { isLockedForWriting } from '../../disk-files/qemu-img/image-locks.js';
import { InstanceDirectories } from '../../hypervisor/qmp/instance-directories.js';
import type { DescribedInstance } from '../../hypervisor/qmp/instance-directories.js';
import { Monitors } from '../../hypervisor/qmp/monitors.js';
import { Turns } from '../../hypervisor/qmp/turns.js';
import { identify, isAlive, logFileOf, recall, remember } from './qemu-process.js';
import type { ProcessId } from './qemu-process.js';

/** Between looks at a QEMU that starts, and at one that ends. */
const START_POLL_MS = 20;
const STOP_POLL_MS = 100;
const LOG_BYTES = 2_000;

export interface StandaloneComputeOptions {
  /** Absolute; the same as the hypervisor adapter's. */
  readonly instancesDir: string;
  /** Awaited before QEMU may open the disk, on every start: here a disk is mended that a crash left half-way. */
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
  /** Milliseconds until a started QEMU must answer. */
  readonly startTimeoutMs?: number;
  /** Milliseconds that QEMU gets for each way of ending it, after the guest's grace. */
  readonly quitTimeoutMs?: number;
}

interface Status {
  readonly status: string;
  readonly running: boolean;
}

/** There is a monitor, but it is busy, or QEMU has just ended. */
const UNANSWERED: Status = { status: 'unanswered', running: false };

/** A plain QEMU host without anybody else to start and stop instances: we do, with the command in `instance.json`. */
export class StandaloneCompute implements Compute {
  private readonly directories: InstanceDirectories;
  private readonly monitors = new Monitors();
  private readonly beforeStart: (instance: InstanceId) => Promise<void>;
  private readonly startTimeoutMs: number;
  private readonly quitTimeoutMs: number;
  private readonly turns = new Turns();

  constructor(options: StandaloneComputeOptions) {
    this.directories = new InstanceDirectories(options.instancesDir);
    this.beforeStart = options.beforeStart ?? (() => Promise.resolve());
    this.startTimeoutMs = options.startTimeoutMs ?? 30_000;
    this.quitTimeoutMs = options.quitTimeoutMs ?? 10_000;
  }

  start(id: InstanceId): Promise<void> {
    return this.turns.take(id, async () => {
      const instance = await this.directories.require(id);
      await this.beforeStart(id);
      const status = await this.statusOf(instance);
      if (status === null) await this.launch(instance);
      else if (!status.running) await this.letRun(instance);
    });
  }

  stop(id: InstanceId, graceMs: number): Promise<void> {
    return this.turns.take(id, async () => {
      const instance = await this.directories.require(id);
      if (await this.isGone(instance)) return;
      if (graceMs > 0 && (await this.powerDown(instance, graceMs))) return;
      if (await this.quit(instance)) return;
      if (await this.kill(instance)) return;
      throw new OutcomeUnknownError('The QEMU process does not end', { instanceId: id });
    });
  }

  // ---- starting

  private async launch(instance: DescribedInstance): Promise<void> {
    const { id, directory, qmpSocket, agentSocket, start } = instance;
    const [program = '', ...args] = start;
    const owner = await stat(directory);
    await makeDirectory(directory, join(directory, '.varve'), owner);
    // Nobody listens there, statusOf has found; a client that finds the file would take QEMU for dying.
    for (const stale of [qmpSocket, agentSocket]) if (stale !== null) await rm(stale, { force: true });

    const log = await open(logFileOf(directory), 'w', 0o640);
    const child = spawn(program, args, {
      cwd: directory,
      detached: true, // an own session: it outlives us, and no terminal's signal reaches it
      stdio: ['ignore', log.fd, log.fd],
    });
    const exited = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? code}`));
    });
    await log.close();
    const started = child.pid === undefined ? null : await identify(child.pid);
    if (started) await remember(directory, started, owner);

    const deadline = performance.now() + this.startTimeoutMs;
    for (;;) {
      const ended = await Promise.race([exited, delay(START_POLL_MS, null)]);
      if (ended !== null) throw await this.refusal(instance, ended);
      const status = await this.statusOf(instance);
      if (status?.running) break;
      if (status && status !== UNANSWERED) await this.letRun(instance);
      if (performance.now() > deadline) {
        child.kill('SIGKILL');
        throw await this.refusal(instance, `it did not run within ${this.startTimeoutMs} ms; ${await exited}`);
      }
    }
    child.unref();
    if (started === null) throw new OutcomeUnknownError('QEMU runs, but not as the process we started', { id });
  }

  /** For commands with -S, and instances that were paused: started means that it runs. */
  private async letRun({ id, qmpSocket }: DescribedInstance): Promise<void> {
    await this.monitors.use(id, qmpSocket, (monitor) => monitor.execute('cont'));
  }

  private async refusal({ id, directory }: DescribedInstance, ended: string): Promise<HypervisorRefusedError> {
    const handle = await open(logFileOf(directory), 'r');
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, LOG_BYTES);
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      const said = buffer.toString('utf8').trim();
      return new HypervisorRefusedError(`QEMU did not start: ${ended}${said ? `: ${said}` : ''}`, { instanceId: id });
    } finally {
      await handle.close();
    }
  }

  // ---- stopping, ever less gently: @returns whether it is gone

  private async powerDown(instance: DescribedInstance, graceMs: number): Promise<boolean> {
    const status = await this.statusOf(instance);
    // Nobody would hear the power button.
    if (!status?.running) return this.isGone(instance);
    await this.tell(instance, 'system_powerdown');
    return this.goneWithin(instance, graceMs, true);
  }

  /** QEMU flushes and closes the disk; for the guest it is a power cut. */
  private async quit(instance: DescribedInstance): Promise<boolean> {
    await this.tell(instance, 'quit');
    return this.goneWithin(instance, this.quitTimeoutMs, false);
  }

  private async kill(instance: DescribedInstance): Promise<boolean> {
    const known = await recall(instance.directory);
    // Another process by that number, or one that we did not start, is none of our business.
    if (known === null) return false;
    process.kill(known.pid, 'SIGKILL');
    return this.goneWithin(instance, this.quitTimeoutMs, false);
  }

  private async tell(instance: DescribedInstance, command: string): Promise<void> {
    try {
      await this.monitors.use(instance.id, instance.qmpSocket, (monitor) => monitor.execute(command));
    } catch (error) {
      // It may end before it answers, or be stuck: what has come of it is looked at next.
      if (!(error instanceof OutcomeUnknownError) && !(error instanceof InstanceNotRunningError)) throw error;
    }
  }

  /** @param orShutDown - also end early when the guest is off but QEMU stays (-no-shutdown) */
  private async goneWithin(instance: DescribedInstance, withinMs: number, orShutDown: boolean): Promise<boolean> {
    const known = await recall(instance.directory);
    const deadline = performance.now() + withinMs;
    while (performance.now() < deadline) {
      if (await this.isGone(instance, known)) return true;
      if (orShutDown && (await this.statusOf(instance))?.status === 'shutdown') return false;
      await delay(STOP_POLL_MS);
    }
    return this.isGone(instance, known);
  }

  /** No monitor, no process of ours, and nobody has the disk open to write. */
  private async isGone(instance: DescribedInstance, known?: ProcessId | null): Promise<boolean> {
    const ours = known === undefined ? await recall(instance.directory) : known;
    if (ours && (await isAlive(ours))) return false;
    if (await isLockedForWriting(join(instance.directory, 'disk'))) return false;
    return (await this.statusOf(instance)) === null;
  }

  /** `null`: nobody listens. */
  private async statusOf({ id, qmpSocket }: DescribedInstance): Promise<Status | null> {
    try {
      return await this.monitors.use(id, qmpSocket, (monitor) => monitor.execute<Status>('query-status'));
    } catch (error) {
      if (error instanceof InstanceNotRunningError) return null;
      if (error instanceof OutcomeUnknownError) return UNANSWERED;
      throw error;
    }
  }
}
