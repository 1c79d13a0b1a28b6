import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import {
  CreateRollback,
  InstanceIdParam,
  OperationIdParam,
  OperationView,
  PageQuery,
  RollbackPage,
  RollbackView,
} from '@varve/contracts';
import type { Page } from '@varve/contracts';
import type { InstanceId, OperationId } from '@varve/core';
import { Answers, AnswersWrite, Tagged } from '../http/answers.js';
import { CurrentCaller, Needs } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { RollbacksService } from './rollbacks.service.js';

@Tagged('rollbacks')
@Controller('v1')
export class RollbacksController {
  constructor(private readonly rollbacks: RollbacksService) {}

  @Post('instances/:instanceId/rollbacks')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, RollbackView, 'Recorded; its `id` is also the operation to follow')
  create(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Body({ schema: CreateRollback }) body: CreateRollback,
  ): Promise<RollbackView> {
    return this.rollbacks.request(caller, instanceId, body);
  }

  @Get('instances/:instanceId/rollbacks')
  @Answers(200, RollbackPage, 'Rollbacks of the instance and their undoing, newest first')
  list(
    @CurrentCaller() caller: Caller,
    @Param({ schema: InstanceIdParam }) { instanceId }: { instanceId: InstanceId },
    @Query({ schema: PageQuery }) query: PageQuery,
  ): Promise<Page<RollbackView>> {
    return this.rollbacks.list(caller, instanceId, query);
  }

  @Get('rollbacks/:operationId')
  @Answers(200, RollbackView, 'The rollback')
  show(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<RollbackView> {
    return this.rollbacks.show(caller, operationId);
  }

  @Post('rollbacks/:operationId/undo')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, RollbackView, "Recorded; the undo's own rollback")
  undo(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<RollbackView> {
    return this.rollbacks.undo(caller, operationId);
  }

  @Post('rollbacks/:operationId/keep')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(
    202,
    OperationView,
    'Recorded; what the rollback replaced is given up, and it can not be undone any more',
  )
  keep(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<OperationView> {
    return this.rollbacks.keep(caller, operationId);
  }
}
