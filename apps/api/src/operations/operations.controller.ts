import { Controller, Get, HttpCode, Param, Post, Query, Sse } from '@nestjs/common';
import type { MessageEvent } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { OperationIdParam, OperationPage, OperationQuery, OperationView, StepsView } from '@varve/contracts';
import type { Page } from '@varve/contracts';
import type { OperationId } from '@varve/core';
import { endWith, ignoreElements, interval, map, merge, shareReplay, takeUntil } from 'rxjs';
import type { Observable } from 'rxjs';
import { Answers, AnswersWrite, Tagged } from '../http/answers.js';
import { CurrentCaller, Needs } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { OperationFeed } from './operation-feed.js';
import { OperationsService } from './operations.service.js';

/** Shorter than what proxies take for an idle connection. */
const HEARTBEAT_MS = 15_000;

@Tagged('operations')
@Controller('v1/operations')
export class OperationsController {
  constructor(
    private readonly operations: OperationsService,
    private readonly feed: OperationFeed,
  ) {}

  @Get()
  @Answers(200, OperationPage, 'Newest first')
  list(
    @CurrentCaller() caller: Caller,
    @Query({ schema: OperationQuery }) query: OperationQuery,
  ): Promise<Page<OperationView>> {
    return this.operations.list(caller, query);
  }

  @Get(':operationId')
  @Answers(200, OperationView, 'The operation')
  show(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<OperationView> {
    return this.operations.show(caller, operationId);
  }

  @Get(':operationId/steps')
  @Answers(200, StepsView, 'What its host did, step by step; none for what no host has a part in')
  steps(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<StepsView> {
    return this.operations.steps(caller, operationId);
  }

  @Post(':operationId/cancel')
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, OperationView, 'Asked for; the final state says whether it came in time')
  cancel(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<OperationView> {
    return this.operations.cancel(caller, operationId);
  }

  /** The view now, every change from then on, and the end after the final one. Comments keep the connection alive. */
  @Sse(':operationId/events')
  @ApiResponse({
    status: 200,
    description: 'Server-sent events named `operation`, each an Operation; the last one is final',
    content: { 'text/event-stream': { schema: { $ref: '#/components/schemas/Operation' } } },
  })
  async events(
    @CurrentCaller() caller: Caller,
    @Param({ schema: OperationIdParam }) { operationId }: { operationId: OperationId },
  ): Promise<Observable<MessageEvent>> {
    await this.operations.show(caller, operationId);
    const views = this.feed.watch(operationId).pipe(shareReplay({ bufferSize: 1, refCount: true }));
    const over = views.pipe(ignoreElements(), endWith(null));
    return merge(
      views.pipe(map((view): MessageEvent => ({ type: 'operation', data: view }))),
      interval(HEARTBEAT_MS).pipe(
        map((): MessageEvent => ({ comment: 'alive' })),
        takeUntil(over),
      ),
    );
  }
}
