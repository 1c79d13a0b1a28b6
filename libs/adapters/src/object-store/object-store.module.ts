import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { OBJECT_STORE } from '@varve/ports';
import type { ObjectStoreConfig } from './config.js';
import { createObjectStore } from './create-object-store.js';

/** Offers the configured store under {@link OBJECT_STORE}, to all modules of the app. */
@Module({})
export class ObjectStoreModule {
  static register(config: ObjectStoreConfig): DynamicModule {
    return {
      module: ObjectStoreModule,
      global: true,
      providers: [{ provide: OBJECT_STORE, useFactory: () => createObjectStore(config) }],
      exports: [OBJECT_STORE],
    };
  }
}
