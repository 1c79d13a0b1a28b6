import { Controller, Get, Param, Query } from '@nestjs/common';
import { InstanceIdParam, InstancePage, InstanceView, PageQuery } from '@varve/contracts';
import type { Page } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import { Answers, Tagged } from '../http/answers.js';
import { CurrentCaller } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { InstancesService } from './instances.service.js';

@Tagged('instances')
@Controller('v1/instances')
export class InstancesController {
  constructor(private readonly instances: InstancesService) {}

  @Get()
  @Answers(200, InstancePage, 'Your instances; of all projects for an administrator')
  list(@CurrentCaller() caller: Caller, @Query({ schema: PageQuery }) query: PageQuery): Promise<Page<InstanceView>> {
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
}
