import { HypervisorRefusedError, InstanceNotRunningError, OutcomeUnknownError, ServiceError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { QmpAbsentError, QmpCommandError, QmpConnection, QmpLostError } from './qmp-connection.js';
import { Turns } from './turns.js';

/** By socket, for the whole process: several adapters talk to the same QEMU. */
const turns = new Turns();

/**
 * Gives out the monitor of an instance for a group of commands, to one caller at a time, and closes it after: QEMU
 * serves one client at a time, and an operator may want it too.
 */
export class Monitors {
  /** @param greetingMs - milliseconds that QEMU has for its greeting */
  constructor(private readonly greetingMs = 5_000) {}

  /**
   * @throws {InstanceNotRunningError} nobody listens
   * @throws {OutcomeUnknownError} the monitor did not answer, or broke off
   * @throws {HypervisorRefusedError} QEMU refused a command and `use` did not handle it
   */
  use<T>(instance: InstanceId, socket: string, use: (monitor: QmpConnection) => Promise<T>): Promise<T> {
    return turns.take(socket, () => this.connectAndUse(instance, socket, use));
  }

  private async connectAndUse<T>(
    instance: InstanceId,
    socket: string,
    use: (monitor: QmpConnection) => Promise<T>,
  ): Promise<T> {
    let monitor: QmpConnection | null = null;
    try {
      monitor = await QmpConnection.open(socket, this.greetingMs);
      return await use(monitor);
    } catch (error) {
      throw translate(instance, error);
    } finally {
      monitor?.close();
    }
  }
}

function translate(instance: InstanceId, error: unknown): unknown {
  if (error instanceof ServiceError) return error;
  if (error instanceof QmpAbsentError) return new InstanceNotRunningError(instance);
  const facts = { instanceId: instance };
  if (error instanceof QmpLostError) return new OutcomeUnknownError(error.message, facts, { cause: error });
  if (error instanceof QmpCommandError) return new HypervisorRefusedError(error.message, facts, { cause: error });
  return error;
}
