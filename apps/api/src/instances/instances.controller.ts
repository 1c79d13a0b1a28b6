import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  ChainView,
  InstanceIdParam,
  InstancePage,
  InstanceQuery,
  InstanceView,
  OperationView,
  RepairInstance,
  RollbackPlanQuery,
  RollbackPlanView,
  SnapshotEstimate,
  TimelineQuery,
  TimelineView,
} from '@varve/contracts';
import type { Page } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import { Answers, AnswersWrite, Tagged } from '../http/answers.js';
import { CurrentCaller, Needs } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { InstancesService } from './instances.service.js';
import { PlansService } from './plans.service.js';
import { RepairService } from './repair.service.js';
import { SettleService } from './settle.service.js';
import { TimelineService } from './timeline.service.js';

@Tagged('instances')
@Controller('v1/instances')
export class InstancesController {
  constructor(
    private readonly instances: InstancesService,
    private readonly settling: SettleService,
    private readonly repairing: RepairService,
    private readonly timelines: TimelineService,
    private readonly plans: PlansService,
  ) {}

  @Get()
  @Answers(200, InstancePage, 'Your instances; of all projects for an administrator')
  list(
    @CurrentCaller() caller: Caller,
    @Query({ schema: InstanceQuery }) query: InstanceQuery,
  ): Promise<Page<InstanceView>> {
    return this.instances.list(caller, query);
  }

  @Get(':instanceId')
  @Answers(200, InstanceView, 'The instance')
  show(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
  ): Promise<InstanceView> {
    return this.instances.show(caller, instanceId);
  }

  @Get(':instanceId/chain')
  @Answers(200, ChainView, 'Its layers, as its host has them now')
  chain(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
  ): Promise<ChainView> {
    return this.instances.chain(caller, instanceId);
  }

  @Get(':instanceId/timeline')
  @Answers(200, TimelineView, 'Its restore points and branches in time; in groups where there are too many to show')
  timeline(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Query({ schema: TimelineQuery }) query: TimelineQuery,
  ): Promise<TimelineView> {
    return this.timelines.show(caller, instanceId, query);
  }

  @Get(':instanceId/snapshot-estimate')
  @Answers(200, SnapshotEstimate, 'What a snapshot now would be like, and why it would be refused')
  snapshotEstimate(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
  ): Promise<SnapshotEstimate> {
    return this.plans.snapshot(caller, instanceId);
  }

  @Get(':instanceId/rollback-plan')
  @Answers(200, RollbackPlanView, 'What a rollback there would do, and why it would be refused')
  rollbackPlan(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Query({ schema: RollbackPlanQuery }) query: RollbackPlanQuery,
  ): Promise<RollbackPlanView> {
    return this.plans.rollback(caller, instanceId, query);
  }

  @Post(':instanceId/settle')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, OperationView, 'Recorded; the disk becomes one layer on its base image, while the instance runs')
  settle(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
  ): Promise<OperationView> {
    return this.settling.request(caller, instanceId);
  }

  @Post(':instanceId/repair')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(
    202,
    OperationView,
    'Recorded; the layers that a resize or a move has left behind come back, if they can',
  )
  repair(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Body({ schema: RepairInstance }) body: RepairInstance,
  ): Promise<OperationView> {
    return this.repairing.request(caller, instanceId, body);
  }
}
