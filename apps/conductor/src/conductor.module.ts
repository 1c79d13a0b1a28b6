import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { ScheduleModule } from '@nestjs/schedule';
import { Catalog } from '@varve/catalog';
import { Broker } from '@varve/messaging';
import { migrations } from '@varve/migrations';
import { LAYER_STORE } from '@varve/ports';
import type { LayerStore } from '@varve/ports';
import type { Logger } from 'pino';
import type { ConductorConfig } from './config.js';
import { NovaNotifications } from './notifications/nova-notifications.js';
import { NovaSync } from './notifications/nova-sync.js';
import { OsloNotifier } from './notifications/oslo-notifier.js';
import { EventRecorder } from './recorder/event-recorder.js';
import { OutboxRelay } from './relay/outbox-relay.js';
import { Deletions } from './sweeps/deletions.js';
import { Sweeps } from './sweeps/sweeps.js';
import { Metrics } from './system/metrics.js';
import { SystemController } from './system/system.controller.js';
import { CONFIG, LOG } from './tokens.js';

@Module({})
export class ConductorModule {
  static register(
    config: ConductorConfig,
    broker: Broker,
    store: Pick<LayerStore, 'delete'>,
    log: Logger,
  ): DynamicModule {
    const database = { url: config.databaseUrl, applicationName: 'varve-conductor' };
    return {
      module: ConductorModule,
      imports: [ScheduleModule.forRoot()],
      controllers: [SystemController],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOG, useValue: log },
        { provide: Catalog, useFactory: () => new Catalog(database, migrations, log) },
        { provide: Broker, useValue: broker },
        { provide: LAYER_STORE, useValue: store },
        Metrics,
        OutboxRelay,
        EventRecorder,
        Deletions,
        Sweeps,
        NovaNotifications,
        NovaSync,
        OsloNotifier,
      ],
    };
  }
}
