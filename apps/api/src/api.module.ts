import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, Reflector } from '@nestjs/core';
import { Catalog } from '@varve/catalog';
import { migrations } from '@varve/migrations';
import { IDENTITY } from '@varve/ports';
import type { Identity } from '@varve/ports';
import type { Logger } from 'pino';
import { Admission } from './admission.js';
import { AuditController } from './audit/audit.controller.js';
import type { ApiConfig } from './config.js';
import { Changes } from './events/changes.js';
import { EventsController } from './events/events.controller.js';
import { LiveFeed } from './events/live-feed.js';
import { ExportsController } from './exports/exports.controller.js';
import { ExportsService } from './exports/exports.service.js';
import { HostsController } from './hosts/hosts.controller.js';
import { PrincipalGuard } from './http/principal.guard.js';
import { ProblemFilter } from './http/problem.filter.js';
import { UnknownCallers } from './http/unknown-callers.js';
import { RequestPipe } from './http/validation.js';
import { InstancesController } from './instances/instances.controller.js';
import { InstancesService } from './instances/instances.service.js';
import { PlansService } from './instances/plans.service.js';
import { RepairService } from './instances/repair.service.js';
import { SettleService } from './instances/settle.service.js';
import { TimelineService } from './instances/timeline.service.js';
import { OperationFeed } from './operations/operation-feed.js';
import { OperationsController } from './operations/operations.controller.js';
import { OperationsService } from './operations/operations.service.js';
import { OverviewController } from './overview/overview.controller.js';
import { OverviewService } from './overview/overview.service.js';
import { actionsOf } from './policy/actions.js';
import { defaultRules } from './policy/defaults.js';
import { Policy } from './policy/policy.js';
import { readPolicyFile } from './policy/policy-file.js';
import { RollbacksController } from './rollbacks/rollbacks.controller.js';
import { RollbacksService } from './rollbacks/rollbacks.service.js';
import { SnapshotsController } from './snapshots/snapshots.controller.js';
import { SnapshotsService } from './snapshots/snapshots.service.js';
import { LoginAttempts } from './session/login-attempts.js';
import { SessionController } from './session/session.controller.js';
import { SessionService } from './session/session.service.js';
import { AboutController } from './system/about.controller.js';
import { Metrics } from './system/metrics.js';
import { SystemController } from './system/system.controller.js';
import { CONFIG, LOG } from './tokens.js';

export const CONTROLLERS = [
  SystemController,
  AboutController,
  SessionController,
  OverviewController,
  InstancesController,
  SnapshotsController,
  RollbacksController,
  ExportsController,
  OperationsController,
  HostsController,
  EventsController,
  AuditController,
];

@Module({})
export class ApiModule {
  static register(config: ApiConfig, identity: Identity, log: Logger): DynamicModule {
    const database = { url: config.databaseUrl, applicationName: 'varve-api' };
    return {
      module: ApiModule,
      controllers: CONTROLLERS,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOG, useValue: log },
        { provide: IDENTITY, useValue: identity },
        { provide: Catalog, useFactory: () => new Catalog(database, migrations, log) },
        {
          provide: Policy,
          useFactory: (reflector: Reflector) =>
            new Policy(
              defaultRules(actionsOf(CONTROLLERS, reflector)),
              config.policyFile === undefined ? undefined : readPolicyFile(config.policyFile),
            ),
          inject: [Reflector],
        },
        { provide: APP_GUARD, useClass: PrincipalGuard },
        { provide: APP_PIPE, useClass: RequestPipe },
        { provide: APP_FILTER, useClass: ProblemFilter },
        UnknownCallers,
        Metrics,
        Admission,
        OverviewService,
        InstancesService,
        PlansService,
        RepairService,
        SettleService,
        TimelineService,
        SnapshotsService,
        RollbacksService,
        ExportsService,
        OperationsService,
        Changes,
        LiveFeed,
        OperationFeed,
        LoginAttempts,
        SessionService,
      ],
    };
  }
}
