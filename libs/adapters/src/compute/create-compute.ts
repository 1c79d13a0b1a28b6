import type { InstanceId } from '@varve/core';
import type { Compute } from '@varve/ports';
import { z } from 'zod';
import { StandaloneCompute } from './standalone/standalone-compute.js';

/** A host without anybody else to start and stop instances: we do, with the command in `instance.json`. */
export const StandaloneComputeConfig = z.object({
  kind: z.literal('standalone'),
  /** Absolute; the same as the hypervisor's. */
  instancesDir: z.string().startsWith('/'),
  /** Milliseconds until a started QEMU must answer. */
  startTimeoutMs: z.number().int().min(100).optional(),
  /** Milliseconds that QEMU gets for each way of ending it, after the guest's grace. */
  quitTimeoutMs: z.number().int().min(100).optional(),
});
export type StandaloneComputeConfig = z.infer<typeof StandaloneComputeConfig>;

export const ComputeConfig = z.discriminatedUnion('kind', [StandaloneComputeConfig]);
export type ComputeConfig = z.infer<typeof ComputeConfig>;

/** What can't be said in a setting. */
export interface ComputeHooks {
  /** Awaited before QEMU may open the disk, on every start: here a disk is mended that a crash left half-way. */
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
}

/** The configured owner of the instances' power; touches nothing yet. */
export function createCompute(config: ComputeConfig, hooks: ComputeHooks = {}): Compute {
  switch (config.kind) {
    case 'standalone':
      return new StandaloneCompute({ ...config, ...hooks });
    default:
      throw new Error(`No such compute: ${String(config.kind satisfies never)}`);
  }
}
