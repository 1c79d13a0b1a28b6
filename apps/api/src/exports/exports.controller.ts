import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { CreateExport, OperationView, SnapshotUidParam } from '@varve/contracts';
import type { SnapshotUid } from '@varve/core';
import { AnswersWrite, Tagged } from '../http/answers.js';
import { CurrentCaller, Needs } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { ExportsService } from './exports.service.js';

@Tagged('exports')
@Controller('v1/snapshots/:snapshotUid/exports')
export class ExportsController {
  constructor(private readonly exports: ExportsService) {}

  @Post()
  @HttpCode(202)
  @Needs('member')
  @AnswersWrite(202, OperationView, 'Recorded; once it has succeeded, `imageId` is the image')
  create(
    @CurrentCaller() caller: Caller,
    @Param({ schema: SnapshotUidParam }) { snapshotUid }: { snapshotUid: SnapshotUid },
    @Body({ schema: CreateExport }) body: CreateExport,
  ): Promise<OperationView> {
    return this.exports.request(caller, snapshotUid, body);
  }
}
