import { Controller, Get, Query } from '@nestjs/common';
import { auditView, Catalog } from '@varve/catalog';
import { AuditPage, AuditQuery } from '@varve/contracts';
import type { AuditView, Page } from '@varve/contracts';
import { Answers, Tagged } from '../http/answers.js';
import { Needs } from '../http/caller.js';

@Tagged('audit')
@Controller('v1/audit')
export class AuditController {
  constructor(private readonly catalog: Catalog) {}

  @Get()
  @Needs('admin')
  @Answers(200, AuditPage, 'Accepted writes and denials of all projects, newest first')
  async list(@Query({ schema: AuditQuery }) query: AuditQuery): Promise<Page<AuditView>> {
    const { rows, nextMarker } = await this.catalog.read((tx) => tx.audit.page(query, query));
    return { items: rows.map(auditView), nextMarker };
  }
}
