import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { HYPERVISOR } from '@varve/ports';
import { createHypervisor } from './create-hypervisor.js';
import type { HypervisorConfig, HypervisorHooks } from './create-hypervisor.js';

/** Offers the configured hypervisor under {@link HYPERVISOR}, to all modules of the app. */
@Module({})
export class HypervisorModule {
  static register(config: HypervisorConfig & HypervisorHooks): DynamicModule {
    return {
      module: HypervisorModule,
      global: true,
      providers: [{ provide: HYPERVISOR, useFactory: () => createHypervisor(config) }],
      exports: [HYPERVISOR],
    };
  }
}
