import 'reflect-metadata';
import { Reflector } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { AuditController } from '../audit/audit.controller.js';
import { EventsController } from '../events/events.controller.js';
import { ExportsController } from '../exports/exports.controller.js';
import { HostsController } from '../hosts/hosts.controller.js';
import { InstancesController } from '../instances/instances.controller.js';
import { OperationsController } from '../operations/operations.controller.js';
import { OverviewController } from '../overview/overview.controller.js';
import { RollbacksController } from '../rollbacks/rollbacks.controller.js';
import { SessionController } from '../session/session.controller.js';
import { SnapshotsController } from '../snapshots/snapshots.controller.js';
import { AboutController } from '../system/about.controller.js';
import { SystemController } from '../system/system.controller.js';
import { actionsOf } from './actions.js';

it('every route has a name in the policy, and the role that it needs by default', () => {
  const controllers = [
    AboutController,
    AuditController,
    EventsController,
    ExportsController,
    HostsController,
    InstancesController,
    OperationsController,
    OverviewController,
    RollbacksController,
    SessionController,
    SnapshotsController,
    SystemController,
  ];
  // These names are in people's policy files and audit logs: they are added to, and not changed.
  expect(Object.fromEntries(actionsOf(controllers, new Reflector()))).toMatchObject({
    'audit:list': 'admin',
    'events:stream': 'reader',
    'exports:create': 'member',
    'hosts:list': 'admin',
    'instances:list': 'reader',
    'instances:show': 'reader',
    'instances:chain': 'reader',
    'instances:timeline': 'reader',
    'instances:snapshot_estimate': 'reader',
    'instances:rollback_plan': 'reader',
    'instances:settle': 'member',
    'instances:repair': 'member',
    'operations:list': 'reader',
    'operations:show': 'reader',
    'operations:events': 'reader',
    'operations:steps': 'reader',
    'operations:cancel': 'member',
    'overview:show': 'reader',
    'overview:storage': 'reader',
    'rollbacks:create': 'member',
    'rollbacks:list': 'reader',
    'rollbacks:show': 'reader',
    'rollbacks:undo': 'member',
    'rollbacks:keep': 'member',
    'session:show': 'anybody',
    'session:delete': 'anybody',
    'snapshots:create': 'member',
    'snapshots:list': 'reader',
    'snapshots:restore_points': 'reader',
    'snapshots:show': 'reader',
    'snapshots:delete': 'member',
  });
});

describe('what needs no token', () => {
  it('has no rule', () => expect(actionsOf([SystemController, AboutController], new Reflector()).size).toBe(0));
});
