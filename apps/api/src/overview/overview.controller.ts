import { Controller, Get, Query } from '@nestjs/common';
import { OverviewView, StorageHistory, StorageQuery } from '@varve/contracts';
import { Answers, Tagged } from '../http/answers.js';
import { CurrentCaller } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { OverviewService } from './overview.service.js';

@Tagged('overview')
@Controller('v1/overview')
export class OverviewController {
  constructor(private readonly overview: OverviewService) {}

  @Get()
  @Answers(200, OverviewView, 'All that is yours at a glance; of all projects for an administrator')
  show(@CurrentCaller() caller: Caller): Promise<OverviewView> {
    return this.overview.show(caller);
  }

  @Get('storage')
  @Answers(200, StorageHistory, 'What is stored, over time')
  storage(
    @CurrentCaller() caller: Caller,
    @Query({ schema: StorageQuery }) query: StorageQuery,
  ): Promise<StorageHistory> {
    return this.overview.storage(caller, query);
  }
}
