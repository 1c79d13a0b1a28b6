import type { InstanceId } from '@varve/core';
import type { Hypervisor } from '@varve/ports';
import { z } from 'zod';
import { LibvirtHypervisor } from './libvirt/libvirt-hypervisor.js';
import { QmpHypervisor } from './qmp/qmp-hypervisor.js';

/** QEMU processes that anybody started, each described by an `instance.json` in its instance directory. */
export const QmpHypervisorConfig = z.object({
  kind: z.literal('qmp'),
  /** Absolute; holds `<instance uuid>/disk`. */
  instancesDir: z.string().startsWith('/'),
  /** How long a monitor may be in use by somebody else; milliseconds. */
  greetingMs: z.number().int().min(100).optional(),
  /** How long a guest agent may take for its first word; milliseconds. */
  agentSyncMs: z.number().int().min(100).optional(),
});
export type QmpHypervisorConfig = z.infer<typeof QmpHypervisorConfig>;

/** libvirt's domains, Nova's or anybody's: the domain's uuid is the instance's. */
export const LibvirtHypervisorConfig = z.object({
  kind: z.literal('libvirt'),
  /** Absolute; holds `<instance uuid>/disk`. Nova calls it `instances_path`. */
  instancesDir: z.string().startsWith('/'),
  uri: z.string().min(1),
});
export type LibvirtHypervisorConfig = z.infer<typeof LibvirtHypervisorConfig>;

export const HypervisorConfig = z.discriminatedUnion('kind', [QmpHypervisorConfig, LibvirtHypervisorConfig]);
export type HypervisorConfig = z.infer<typeof HypervisorConfig>;

/** What can't be said in a setting. */
export interface HypervisorHooks {
  /** Told of instances whose description can't be used; the others are not affected. */
  readonly onUnreadable?: (instance: InstanceId, error: unknown) => void;
}

/** The configured hypervisor; touches nothing yet. */
export function createHypervisor(config: HypervisorConfig & HypervisorHooks): Hypervisor {
  switch (config.kind) {
    case 'qmp':
      return new QmpHypervisor(config);
    case 'libvirt':
      return new LibvirtHypervisor(config);
    default:
      throw new Error(`No such hypervisor: ${(config satisfies never as { kind: string }).kind}`);
  }
}
