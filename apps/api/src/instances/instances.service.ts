import { Inject, Injectable } from '@nestjs/common';
import { Catalog, chainView, instanceView } from '@varve/catalog';
import type { ChainView, InstanceQuery, InstanceView, Page } from '@varve/contracts';
import type { InstanceId } from '@varve/core';
import type { ApiConfig } from '../config.js';
import { scopeOf, visible } from '../http/caller.js';
import type { Caller } from '../http/caller.js';
import { CONFIG } from '../tokens.js';

@Injectable()
export class InstancesService {
  constructor(
    private readonly catalog: Catalog,
    @Inject(CONFIG) private readonly config: Pick<ApiConfig, 'hostDownAfterS'>,
  ) {}

  async list(caller: Caller, query: InstanceQuery): Promise<Page<InstanceView>> {
    const { projectId, search, protection, host } = query;
    const scope = scopeOf(caller);
    if (scope !== null && projectId !== undefined && projectId !== scope) return { items: [], nextMarker: null };
    return this.catalog.read(async (tx) => {
      const of = { project: scope ?? projectId ?? null, search, protection, host };
      const { ids, nextMarker } = await tx.instances.page(of, query);
      const facts = await tx.instances.facts(ids, this.config.hostDownAfterS);
      return { items: facts.map(instanceView), nextMarker };
    });
  }

  async show(caller: Caller, id: InstanceId): Promise<InstanceView> {
    return this.catalog.read(async (tx) => {
      visible(caller, 'instance', id, await tx.instances.find(id));
      const [facts] = await tx.instances.facts([id], this.config.hostDownAfterS);
      if (!facts) throw new Error('an instance without its own row');
      return instanceView(facts);
    });
  }

  async chain(caller: Caller, id: InstanceId): Promise<ChainView> {
    return this.catalog.read(async (tx) => {
      const instance = visible(caller, 'instance', id, await tx.instances.find(id));
      const uids = (instance.chain?.layers ?? []).flatMap(({ asOf }) => asOf ?? []);
      return chainView(instance, await tx.chains.facts(id, uids));
    });
  }
}
