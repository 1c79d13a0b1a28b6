import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { IDENTITY } from '@varve/ports';
import { createIdentity } from './create-identity.js';
import type { IdentityConfig } from './create-identity.js';

/** Offers the configured identity service under {@link IDENTITY}, to all modules of the app. */
@Module({})
export class IdentityModule {
  static register(config: IdentityConfig): DynamicModule {
    return {
      module: IdentityModule,
      global: true,
      providers: [{ provide: IDENTITY, useFactory: () => createIdentity(config) }],
      exports: [IDENTITY],
    };
  }
}
