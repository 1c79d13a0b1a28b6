import type { InstanceId } from '@varve/core';
import type { Compute, Hypervisor } from '@varve/ports';
import type { StartStyle } from '@varve/ports/testing';

/** Where a test's host has its things. */
export interface Places {
  readonly root: string;
  readonly instancesDir: string;
  /** A directory in which every QEMU may make sockets and files. */
  readonly sockets: string;
  /** Firmware that does nothing. */
  readonly bios: string;
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
  /** What the test wants changed in the command that starts an instance. */
  readonly edit: (instance: InstanceId, start: string[]) => string[];
}

/** Who starts the QEMU processes of a test's host. */
export interface Engine {
  readonly hypervisor: Hypervisor;
  readonly compute: Compute;
  readonly startStyles: readonly StartStyle[];
  /** A QMP socket that is the test's. */
  monitorOf(instance: InstanceId): string;
  /** Before the first start, and before every other. */
  describe(instance: InstanceId, style: StartStyle): Promise<void>;
  pidOf(instance: InstanceId): Promise<number>;
  pause(instance: InstanceId): Promise<void>;
  startForeignJob(instance: InstanceId, target: string): Promise<void>;
  close(): Promise<void>;
}

export type MakeEngine = (places: Places) => Promise<Engine>;
