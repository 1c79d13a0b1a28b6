import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  CreateSnapshot,
  InstanceIdParam,
  OperationView,
  RestorePointQuery,
  SnapshotPage,
  SnapshotQuery,
  SnapshotUidParam,
  SnapshotView,
} from '@varve/contracts';
import type { Page } from '@varve/contracts';
import type { InstanceId, SnapshotUid } from '@varve/core';
import { Answers, AnswersWrite, Tagged } from '../http/answers.js';
import { CurrentCaller, Needs } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { SnapshotsService } from './snapshots.service.js';

@Tagged('snapshots')
@Controller('v1')
export class SnapshotsController {
  constructor(private readonly snapshots: SnapshotsService) {}

  @Post('instances/:instanceId/snapshots')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, SnapshotView, 'Recorded; follow `operationId`')
  create(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Body({ schema: CreateSnapshot }) body: CreateSnapshot,
  ): Promise<SnapshotView> {
    return this.snapshots.request(caller, instanceId, body);
  }

  @Get('instances/:instanceId/snapshots')
  @Answers(200, SnapshotPage, 'All of the instance, newest first')
  list(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Query({ schema: SnapshotQuery }) query: SnapshotQuery,
  ): Promise<Page<SnapshotView>> {
    return this.snapshots.list(caller, instanceId, query);
  }

  @Get('instances/:instanceId/restore-points')
  @Answers(200, SnapshotPage, 'What the instance can be rolled back to, newest first')
  restorePoints(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Query({ schema: RestorePointQuery }) query: RestorePointQuery,
  ): Promise<Page<SnapshotView>> {
    return this.snapshots.restorePoints(caller, instanceId, query);
  }

  @Get('snapshots/:snapshotUid')
  @Answers(200, SnapshotView, 'The snapshot')
  show(
    @CurrentCaller() caller: Caller,
    @Param({ schema: SnapshotUidParam }) { snapshotUid }: { snapshotUid: SnapshotUid },
  ): Promise<SnapshotView> {
    return this.snapshots.show(caller, snapshotUid);
  }

  @Delete('snapshots/:snapshotUid')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, OperationView, 'Recorded; the operation that does it')
  delete(
    @CurrentCaller() caller: Caller,
    @Param({ schema: SnapshotUidParam }) { snapshotUid }: { snapshotUid: SnapshotUid },
  ): Promise<OperationView> {
    return this.snapshots.delete(caller, snapshotUid);
  }
}
