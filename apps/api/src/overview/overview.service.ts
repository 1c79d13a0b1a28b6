import { Inject, Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { OverviewView, StorageHistory, StorageQuery } from '@varve/contracts';
import type { ApiConfig } from '../config.js';
import { scopeOf } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { InvalidRequestError } from '../http/invalid-request.error.js';
import { CONFIG } from '../tokens.js';

@Injectable()
export class OverviewService {
  constructor(
    private readonly catalog: Catalog,
    @Inject(CONFIG) private readonly config: Pick<ApiConfig, 'hostDownAfterS'>,
  ) {}

  async show(caller: Caller): Promise<OverviewView> {
    const project = scopeOf(caller);
    return this.catalog.read(async ({ overview }) => {
      const [instances, stalest, operations, hosts] = await Promise.all([
        overview.instances(project),
        overview.stalest(project),
        overview.operations(project),
        caller.seesAllProjects ? overview.hosts(this.config.hostDownAfterS) : null,
      ]);
      return { ...instances, stalest, operations, hosts };
    });
  }

  async storage(caller: Caller, { from, to, points }: StorageQuery): Promise<StorageHistory> {
    const project = scopeOf(caller);
    return this.catalog.read(async ({ overview }) => {
      const end = to === undefined ? new Date() : new Date(to);
      const start = from === undefined ? await overview.firstStoredAt(project) : new Date(from);
      if (start === null) return { items: [] };
      // What was stored first may have been stored after the end that was asked for.
      if (start > end && from === undefined) return { items: [] };
      if (start > end) throw new InvalidRequestError('from: is later than to', { from: 'is later than to' });
      const step = (end.getTime() - start.getTime()) / (points - 1);
      const times = Array.from({ length: points }, (_, index) => new Date(start.getTime() + Math.round(index * step)));
      return { items: await overview.storage(project, times) };
    });
  }
}
