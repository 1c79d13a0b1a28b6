import { Controller, Get, Inject, Query } from '@nestjs/common';
import { Catalog, hostView } from '@varve/catalog';
import { HostPage, PageQuery } from '@varve/contracts';
import type { HostView, Page } from '@varve/contracts';
import type { ApiConfig } from '../config.js';
import { Answers, Tagged } from '../http/answers.js';
import { Needs } from '../http/caller.js';
import { CONFIG } from '../tokens.js';

@Tagged('hosts')
@Controller('v1/hosts')
export class HostsController {
  constructor(
    private readonly catalog: Catalog,
    @Inject(CONFIG) private readonly config: Pick<ApiConfig, 'hostDownAfterS'>,
  ) {}

  @Get()
  @Needs('admin')
  @Answers(200, HostPage, 'Hypervisor hosts, by name')
  async list(@Query({ schema: PageQuery }) { limit, marker }: PageQuery): Promise<Page<HostView>> {
    const rows = await this.catalog.read((tx) => tx.hosts.page(limit + 1, marker, this.config.hostDownAfterS));
    const items = rows.slice(0, limit).map(hostView);
    return { items, nextMarker: rows.length > limit ? (items.at(-1)?.name ?? null) : null };
  }
}
