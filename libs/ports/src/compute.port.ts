import type { InstanceId } from '@varve/core';

export const COMPUTE = Symbol('Compute');

/** Whoever owns the instances' power: Nova, or on a plain host ourselves. Used on the instance's host. */
export interface Compute {
  /**
   * Stops the instance and returns when no QEMU process is left. Nothing to do when it is stopped.
   *
   * @param graceMs - how long the guest may take to shut down by itself before its power is cut; milliseconds
   * @throws {OutcomeUnknownError} it has not stopped by then and the deadline that follows
   */
  stop(instance: InstanceId, graceMs: number): Promise<void>;

  /**
   * Starts the instance on what `disk` leads to and returns when QEMU runs it. Nothing to do when it runs.
   *
   * @throws {HypervisorRefusedError} QEMU did not come up; what it said is the message
   */
  start(instance: InstanceId): Promise<void>;
}
