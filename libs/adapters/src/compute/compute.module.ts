import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { COMPUTE } from '@varve/ports';
import { createCompute } from './create-compute.js';
import type { ComputeConfig, ComputeHooks } from './create-compute.js';

/** Offers the configured owner of the instances' power under {@link COMPUTE}, to all modules of the app. */
@Module({})
export class ComputeModule {
  static register(config: ComputeConfig, hooks: ComputeHooks = {}): DynamicModule {
    return {
      module: ComputeModule,
      global: true,
      providers: [{ provide: COMPUTE, useFactory: () => createCompute(config, hooks) }],
      exports: [COMPUTE],
    };
  }
}
