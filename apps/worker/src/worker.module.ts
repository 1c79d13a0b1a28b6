import {
  createCompute,
  createDiskFiles,
  createHypervisor,
  createImageService,
  createObjectStore,
} from '@varve/adapters';
import { ZstdLayerStore } from '@varve/layer-store';
import { connectBroker } from '@varve/messaging';
import type { Broker } from '@varve/messaging';
import { COMPUTE, DISK_FILES, HYPERVISOR, IMAGE_SERVICE, LAYER_STORE } from '@varve/ports';
import type { Compute, DiskFiles, Hypervisor, ImageService, LayerStore } from '@varve/ports';
import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import type { Logger } from 'pino';
import { join } from 'node:path';
import { ChainReporter, withRecordsWatched } from './chain-reporter.js';
import type { WorkerConfig } from './config.js';
import { FileJournals } from './file-journal.js';
import { haltAsAsked } from './halt.js';
import { Heartbeat } from './heartbeat.js';
import { JobsConsumer } from './jobs.consumer.js';
import { Recovery } from './recovery.js';
import { Reporter } from './reporter.js';
import { Runner } from './runner.js';
import { BROKER, CONFIG, LOG, SHUTDOWN } from './tokens.js';
import { VERSION } from './version.js';
import { withGiveUp } from './with-give-up.js';
import { GONE, GoneInstances } from './workplace.js';
import { WorkerService } from './worker.service.js';

/** Everything one host needs. The ports' adapters are chosen by the configuration, nothing else knows which they are. */
@Module({})
export class WorkerModule {
  static register(config: WorkerConfig, log: Logger): DynamicModule {
    const { instancesDir, stateDir } = config;
    const halt = config.haltFile ? haltAsAsked(config.haltFile) : undefined;
    return {
      module: WorkerModule,
      imports: [ScheduleModule.forRoot()],
      providers: [
        WorkerService,
        { provide: CONFIG, useValue: config },
        { provide: LOG, useValue: log },
        { provide: SHUTDOWN, useValue: new AbortController() },
        { provide: BROKER, useFactory: () => connectBroker(config.amqpUrl, log, { topology: 'expect' }) },
        { provide: HYPERVISOR, useFactory: () => createHypervisor(config.hypervisor) },
        {
          provide: DISK_FILES,
          useFactory: (reporter: Reporter) => {
            const files = createDiskFiles({ kind: 'qemu-img', instancesDir, stateDir });
            const chains = new ChainReporter(config.host, files, reporter, log);
            return withRecordsWatched(files, (record) => chains.written(record));
          },
          inject: [Reporter],
        },
        {
          provide: LAYER_STORE,
          useFactory: () =>
            withGiveUp(
              new ZstdLayerStore(createObjectStore(config.store), { compressionLevel: config.zstdLevel }),
              config.uploadGiveUpMs,
              log,
            ),
        },
        { provide: IMAGE_SERVICE, useFactory: () => createImageService(config.images) },
        {
          provide: COMPUTE,
          useFactory: (recovery: Recovery, hypervisor: Hypervisor) =>
            createCompute(config.compute, {
              beforeStart: (instance) => recovery.settle(instance),
              powerState: (instance) => hypervisor.powerState(instance),
            }),
          inject: [Recovery, HYPERVISOR],
        },
        { provide: FileJournals, useFactory: () => new FileJournals(instancesDir, halt) },
        {
          provide: Recovery,
          useFactory: (files: DiskFiles, journals: FileJournals) => new Recovery(files, journals, log),
          inject: [DISK_FILES, FileJournals],
        },
        {
          provide: Reporter,
          useFactory: (broker: Broker, shutdown: AbortController) =>
            new Reporter(config.host, broker.publisher(), log, shutdown.signal),
          inject: [BROKER, SHUTDOWN],
        },
        {
          provide: Runner,
          useFactory: (
            hypervisor: Hypervisor,
            files: DiskFiles,
            layers: LayerStore,
            compute: Compute,
            images: ImageService,
            journals: FileJournals,
            reporter: Reporter,
            shutdown: AbortController,
          ) =>
            new Runner(
              { hypervisor, files, layers, compute, images, settings: config.procedures },
              journals,
              reporter,
              log,
              shutdown.signal,
              config.transfers,
            ),
          inject: [HYPERVISOR, DISK_FILES, LAYER_STORE, COMPUTE, IMAGE_SERVICE, FileJournals, Reporter, SHUTDOWN],
        },
        {
          provide: GoneInstances,
          useFactory: (
            hypervisor: Hypervisor,
            layers: LayerStore,
            compute: Compute,
            images: ImageService,
            reporter: Reporter,
            shutdown: AbortController,
          ) => {
            const directory = join(instancesDir, GONE);
            const basesDir = join(instancesDir, '_base');
            const files = createDiskFiles({ kind: 'qemu-img', instancesDir: directory, stateDir, basesDir });
            const journals = new FileJournals(directory, halt);
            const ports = { hypervisor, files, layers, compute, images, settings: config.procedures };
            return new GoneInstances(
              directory,
              journals,
              new Runner(ports, journals, reporter, log, shutdown.signal, 1),
            );
          },
          inject: [HYPERVISOR, LAYER_STORE, COMPUTE, IMAGE_SERVICE, Reporter, SHUTDOWN],
        },
        {
          provide: JobsConsumer,
          useFactory: (
            hypervisor: Hypervisor,
            journals: FileJournals,
            runner: Runner,
            gone: GoneInstances,
            reporter: Reporter,
          ) => new JobsConsumer(hypervisor, { journals, runner }, gone, reporter, log),
          inject: [HYPERVISOR, FileJournals, Runner, GoneInstances, Reporter],
        },
        {
          provide: Heartbeat,
          useFactory: (hypervisor: Hypervisor, files: DiskFiles, journals: FileJournals, reporter: Reporter) =>
            new Heartbeat(
              config.host,
              instancesDir,
              VERSION,
              config.settings,
              hypervisor,
              files,
              journals,
              reporter,
              log,
            ),
          inject: [HYPERVISOR, DISK_FILES, FileJournals, Reporter],
        },
      ],
    };
  }
}
