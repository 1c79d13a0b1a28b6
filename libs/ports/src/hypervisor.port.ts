import type { BaseImage, InstanceId, ProjectId } from '@varve/core';

export const HYPERVISOR = Symbol('Hypervisor');

/** `paused`: there is a QEMU process whose vCPUs don't run. `stopped`: there is none. */
export type PowerState = 'running' | 'paused' | 'stopped';

/** An instance that lives on this host, as its directory or libvirt describes it. */
export interface InstanceDescription {
  readonly id: InstanceId;
  readonly projectId: ProjectId;
  readonly name: string;
  readonly state: PowerState;
}

/** One layer as QEMU has it open. */
export interface OpenLayer {
  /** The name that QEMU would open again if it had to; not necessarily the layer's permanent one. */
  readonly name: string;
  /** What that name leads to now, as `<device>:<inode>`; `null` when it leads nowhere. */
  readonly inode: string | null;
  readonly readOnly: boolean;
}

/** A freeze of the guest's file systems that ends by itself. */
export interface Freeze {
  /**
   * Ends the freeze now.
   *
   * @returns whether it had held until this call; `false` when the deadline or the guest had ended it before
   */
  thaw(): Promise<boolean>;
}

/**
 * The QEMU processes of this host. A disk means the system disk; a layer goes by the absolute path of its permanent
 * name, which is also the only name that QEMU is ever given.
 *
 * Every method may throw {InstanceNotRunningError} when there is no QEMU process (nothing changed), and
 * {OutcomeUnknownError} when the connection broke or the deadline passed: then look at {@link openLayers}.
 */
export interface Hypervisor {
  /** Whether {@link replaceBacking} works here. */
  readonly canReplaceBacking: boolean;

  /**
   * Whether others go by the name under which QEMU has the active layer open, as Nova does when it resizes or migrates
   * an instance: a settled disk must then be open as `<instance>/disk`.
   */
  readonly settlesUnderDiskName: boolean;

  /** The instances of this host. An unreadable description of one does not hide the others. */
  list(): Promise<InstanceDescription[]>;

  /** `null`: not on this host. */
  find(instance: InstanceId): Promise<InstanceDescription | null>;

  /** Answers for any instance, also while QEMU starts or ends. */
  powerState(instance: InstanceId): Promise<PowerState>;

  /** What QEMU has open of the system disk, active layer first, the base image (if any) last; `null` when stopped. */
  openLayers(instance: InstanceId): Promise<OpenLayer[] | null>;

  /** A job on the disk that isn't ours (a copy, a migration, somebody's backup): its name; `null` when there is none. */
  foreignJob(instance: InstanceId): Promise<string | null>;

  /**
   * Sends the guest's further writes to `overlay`; the layer written to so far becomes read-only. The guest keeps
   * running (or stays paused). Takes effect wholly or not at all.
   *
   * @param overlay - an empty qcow2 file whose backing file is the active layer; or the name `<instance>/disk`, when it
   *   leads to that file already and QEMU does not know the active layer by it
   * @param deadlineMs - milliseconds, after which the outcome counts as unknown
   * @returns how long QEMU was busy with the switch itself, in milliseconds: the most that a guest's write could wait
   * @throws {HypervisorRefusedError} QEMU said no; nothing changed
   * @throws {OutcomeUnknownError} not done in time, or done by an earlier call: look
   * @see QMP `blockdev-add`, `blockdev-snapshot`
   */
  switchToOverlay(instance: InstanceId, overlay: string, deadlineMs: number): Promise<{ stallMs: number }>;

  /**
   * Merges the layer directly below the active one into the layer below that, while the guest runs, and makes the
   * target the active layer's backing file, in QEMU and in the active layer's header. The source's file is left as
   * it was and QEMU no longer has it open.
   *
   * Finds a job of ours that is already running and waits for it. Until it returns, the target is a mixture and only
   * the chain as a whole is right.
   *
   * @param from - the layer directly below the active one
   * @param into - the one below `from`; QEMU must know it by its permanent name
   * @param bytesPerSecond - the most it may write; 0 for no limit
   * @throws {HypervisorRefusedError} it failed; the chain is as before and `into` a mixture
   * @see QMP `block-commit`
   */
  commit(
    instance: InstanceId,
    from: string,
    into: string,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void>;

  /**
   * Copies what the layers between `base` and the active layer hold into the active layer, while the guest runs, and
   * makes `base` the active layer's backing file, in QEMU and in the active layer's header. The layers between are left
   * as they were and QEMU no longer has them open.
   *
   * Finds a job of ours that is already running and waits for it. When it resolves, what was copied is on the disk.
   * A QEMU that dies before may leave a header that says `base` already, and tables that lack some of what was copied:
   * then the active layer must be given its former backing file again before anything opens it. That is always right,
   * since the layers between are as they were.
   *
   * @param base - `null`: the chain has no base image, and the active layer will stand on nothing
   * @param bytesPerSecond - the most it may write; 0 for no limit
   * @throws {HypervisorRefusedError} it failed, and the chain is as before; or the active layer has extended L2 entries,
   *   into which QEMU 7.2 can't stream: it dies of a failed assertion, and the guest with it (qemu-mechanics J)
   * @see QMP `block-stream`
   */
  stream(
    instance: InstanceId,
    base: BaseImage | null,
    options: { bytesPerSecond: number; onProgress?: (doneBytes: number, totalBytes: number) => void },
  ): Promise<void>;

  /**
   * Makes `backing` the active layer's backing file instead of what is there now, in QEMU and in the active layer's
   * header. Both must show the same data. What was below before is no longer open. Repeatable: goes on where an earlier
   * call died.
   *
   * @param below - what `backing` itself stands on, from the top down: layers, then the base image
   * @see QMP `blockdev-reopen`, `change-backing-file`
   */
  replaceBacking(
    instance: InstanceId,
    backing: string,
    below: readonly { path: string; format: 'raw' | 'qcow2' }[],
  ): Promise<void>;

  /**
   * Closes what a switch or a merge that died half-way left open and that isn't part of the disk, and makes a definition
   * of the instance that names a layer name `disk` again, once `disk` leads to the active layer. Harmless otherwise.
   */
  closeLeftovers(instance: InstanceId): Promise<void>;

  /**
   * Freezes the guest's file systems through the guest agent. The freeze ends at {@link Freeze.thaw}, when
   * `deadlineMs` has passed, or when this process dies: something else than this process sees to that.
   *
   * @throws {QuiesceFailedError} no agent answered in time, or it refused; the guest is thawed
   */
  freeze(instance: InstanceId, deadlineMs: number): Promise<Freeze>;

  /** Thaws whatever an earlier life of this process may have left frozen. Does nothing without an agent. */
  ensureThawed(instance: InstanceId): Promise<void>;

  /** The versions that go into a manifest, e.g. `{ qemu: '7.2.22' }`. */
  versions(): Promise<Readonly<Record<string, string>>>;
}
