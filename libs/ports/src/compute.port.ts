import type { ImageId, InstanceId } from '@varve/core';

export const COMPUTE = Symbol('Compute');

/**
 * What is going to be done: a lock that its owner put on the instance forbids snapshots no more than it does images, and
 * an instance in error may be repaired, and nothing else.
 */
export type Intent = 'snapshot' | 'rollback' | 'repair';

/** Whoever owns the instances' power: Nova, or on a plain host ourselves. Used on the instance's host. */
export interface Compute {
  /**
   * Asked before work on a disk begins: whether whoever owns the instance is at it now, or has it in a state in which
   * its disk is not ours to touch. What passes by itself is waited for, for a while. Changes nothing. Absent where there
   * is nobody else.
   *
   * @throws {InstanceNotReadyError} with a code of its own for each reason
   * @throws {DiskUnsupportedError} its system disk is none on this host
   * @throws {NotFoundError} there is no such instance any more
   * @throws {ServiceUnavailableError} whoever owns it can't be asked
   */
  assertFree?(instance: InstanceId, intent: Intent): Promise<void>;

  /**
   * The image that the instance was made from; also of one that is gone, where its owner remembers. `null`: not known.
   * Absent where instances are not made from images.
   *
   * @throws {ServiceUnavailableError} whoever owns it can't be asked
   */
  imageOf?(instance: InstanceId): Promise<ImageId | null>;

  /**
   * Stops the instance and returns when no QEMU process is left. Nothing to do when it is stopped.
   *
   * @param graceMs - how long the guest may take to shut down by itself before its power is cut; milliseconds
   * @throws {OutcomeUnknownError} it has not stopped by then and the deadline that follows
   * @throws {InstanceNotReadyError} its owner has it in a state that it can't be stopped from; nothing was done
   */
  stop(instance: InstanceId, graceMs: number): Promise<void>;

  /**
   * Starts the instance on what `disk` leads to and returns when QEMU runs it. Nothing to do when it runs.
   *
   * @throws {HypervisorRefusedError} QEMU did not come up; what it said is the message
   */
  start(instance: InstanceId): Promise<void>;
}
