import type { FileId, InstanceId } from '@varve/core';
import type { Compute } from '../compute.port.js';
import type { DiskFiles } from '../disk-files.port.js';
import type { Hypervisor } from '../hypervisor.port.js';

/**
 * How an instance's QEMU is given its disk. The suites run under each style that the harness names:
 *
 * - `drive`     `-drive file=<instance>/disk`: nodes without names of ours, the chain opened from the headers
 * - `blockdev`  `-blockdev … filename=<instance>/disk`: named nodes for the active layer, the rest from the headers
 * - `chain`     `-blockdev` for every layer, as libvirt does it: the active one as `disk`, the others by the backing
 *               strings in the headers
 * - `libvirt`   as a domain in the shape that Nova gives it
 */
export type StartStyle = 'drive' | 'blockdev' | 'chain' | 'libvirt';

/**
 * A host with instances whose guests do what a test says. The real one runs QEMU without a guest and writes through
 * its block layer, the fake one keeps everything in memory. A block of the guest's disk holds one number, 1 to 255,
 * in all its bytes; 0 is a block of zeros.
 */
export interface HostHarness {
  readonly hypervisor: Hypervisor;
  readonly diskFiles: DiskFiles;
  readonly compute: Compute;

  readonly startStyles: readonly StartStyle[];
  /** Bytes of a block; a multiple of 4096. */
  readonly blockBytes: number;
  /** Blocks of an instance's disk; at least 64. */
  readonly blockCount: number;

  /**
   * A stopped instance as Nova makes it: `disk` is its only layer, empty, on a base image; there is no record, no
   * permanent name. What {@link start} starts later has this style.
   */
  newInstance(style: StartStyle): Promise<InstanceId>;
  /** What a block of every instance's base image holds; never 0. */
  baseValue(block: number): number;
  /** A name for a layer file that was never used before. */
  newFileId(): FileId;

  /** Starts it by `compute.start`, on what `disk` leads to, which is also the name that its QEMU then knows. */
  start(instance: InstanceId): Promise<void>;
  /** Ends its QEMU at once, as `kill -9` does. Resolves when nothing holds the files any more. */
  powerCut(instance: InstanceId): Promise<void>;
  /**
   * Has `hypervisor.commit` merge `from` into `into` and cuts the power when some of it, not all, has been copied.
   *
   * @returns what the commit was rejected with
   */
  powerCutDuringCommit(instance: InstanceId, from: FileId, into: FileId): Promise<unknown>;
  /** Stops the vCPUs, as an operator's `pause` does. */
  pause(instance: InstanceId): Promise<void>;

  /** The guest writes a block and flushes. */
  guestWrite(instance: InstanceId, block: number, value: number): Promise<void>;
  /** The guest zeroes a block by discarding or write-zeroes, not by writing bytes. */
  guestZero(instance: InstanceId, block: number): Promise<void>;
  /** What the guest sees, asked of the running QEMU. @throws when the block's bytes are not all the same */
  guestRead(instance: InstanceId, block: number): Promise<number>;
  /**
   * What a layer shows through the chain that its headers describe, whoever has it open.
   *
   * @param file - `disk` for whatever that name leads to
   */
  coldRead(instance: InstanceId, file: FileId | 'disk', block: number): Promise<number>;

  /** Something else than us starts a job on the running disk (a mirror to another file) and leaves it running. */
  startForeignJob(instance: InstanceId): Promise<void>;

  /** Ends every QEMU and deletes everything. */
  close(): Promise<void>;
}
