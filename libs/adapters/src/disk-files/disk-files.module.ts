import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { DISK_FILES } from '@varve/ports';
import { createDiskFiles } from './create-disk-files.js';
import type { DiskFilesConfig } from './create-disk-files.js';

/** Offers the configured disk files under {@link DISK_FILES}, to all modules of the app. */
@Module({})
export class DiskFilesModule {
  static register(config: DiskFilesConfig): DynamicModule {
    return {
      module: DiskFilesModule,
      global: true,
      providers: [{ provide: DISK_FILES, useFactory: () => createDiskFiles(config) }],
      exports: [DISK_FILES],
    };
  }
}
