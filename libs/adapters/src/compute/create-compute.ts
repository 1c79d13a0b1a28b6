import type { InstanceId } from '@varve/core';
import type { Compute, PowerState } from '@varve/ports';
import { z } from 'zod';
import { KeystoneConfig, KeystoneSession, NovaApi } from '../openstack/index.js';
import { LibvirtCompute } from './libvirt/libvirt-compute.js';
import { NovaCompute } from './nova/nova-compute.js';
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

/** A libvirt host without Nova: we start and stop its domains. */
export const LibvirtComputeConfig = z.object({
  kind: z.literal('libvirt'),
  /** Absolute; the same as the hypervisor's. */
  instancesDir: z.string().startsWith('/'),
  uri: z.string().min(1),
});
export type LibvirtComputeConfig = z.infer<typeof LibvirtComputeConfig>;

/** Nova owns the instances' power. */
export const NovaComputeConfig = z.object({
  kind: z.literal('nova'),
  keystone: KeystoneConfig,
  /** What Nova calls this host (`host` in its nova.conf, else the host's name). */
  host: z.string().min(1),
  busyTimeoutMs: z.number().int().min(0).optional(),
  stopTimeoutMs: z.number().int().min(0).optional(),
  startTimeoutMs: z.number().int().min(0).optional(),
});
export type NovaComputeConfig = z.infer<typeof NovaComputeConfig>;

export const ComputeConfig = z.discriminatedUnion('kind', [
  StandaloneComputeConfig,
  LibvirtComputeConfig,
  NovaComputeConfig,
]);
export type ComputeConfig = z.infer<typeof ComputeConfig>;

/** What can't be said in a setting. */
export interface ComputeHooks {
  /** Awaited before QEMU may open the disk, on every start: here a disk is mended that a crash left half-way. */
  readonly beforeStart?: (instance: InstanceId) => Promise<void>;
  /** What the hypervisor itself says of an instance. Needed where somebody else owns the power. */
  readonly powerState?: (instance: InstanceId) => Promise<PowerState>;
}

/** The configured owner of the instances' power; touches nothing yet. */
export function createCompute(config: ComputeConfig, hooks: ComputeHooks = {}): Compute {
  switch (config.kind) {
    case 'standalone':
      return new StandaloneCompute({ ...config, ...hooks });
    case 'libvirt':
      return new LibvirtCompute({ ...config, ...(hooks.beforeStart && { beforeStart: hooks.beforeStart }) });
    case 'nova': {
      const { keystone, host, busyTimeoutMs, stopTimeoutMs, startTimeoutMs } = config;
      const { powerState, beforeStart } = hooks;
      if (!powerState) throw new Error('Compute nova has to be told of the hypervisor');
      return new NovaCompute({
        nova: new NovaApi(new KeystoneSession(keystone)),
        host,
        powerState,
        ...(beforeStart && { beforeStart }),
        ...(busyTimeoutMs !== undefined && { busyTimeoutMs }),
        ...(stopTimeoutMs !== undefined && { stopTimeoutMs }),
        ...(startTimeoutMs !== undefined && { startTimeoutMs }),
      });
    }
    default:
      throw new Error(`No such compute: ${String(config satisfies never)}`);
  }
}
