import { Inject, Injectable } from '@nestjs/common';
import { Catalog, chainView, instanceView, MarkerInvalidError } from '@varve/catalog';
import type { ChainView, InstanceView, Page, PageQuery } from '@varve/contracts';
import { isUuid } from '@varve/core';
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

  /** By id, so that pages stay what they are while instances come and go. */
  async list(caller: Caller, { limit, marker }: PageQuery): Promise<Page<InstanceView>> {
    if (marker !== undefined && !isUuid(marker)) throw new MarkerInvalidError();
    const rows = await this.catalog.read((tx) =>
      tx.instances.page(scopeOf(caller), limit + 1, marker, this.config.hostDownAfterS),
    );
    const items = rows.slice(0, limit).map(instanceView);
    return { items, nextMarker: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
  }

  async show(caller: Caller, id: InstanceId): Promise<InstanceView> {
    return this.catalog.read(async (tx) => {
      const instance = visible(caller, 'instance', id, await tx.instances.find(id));
      const [facts] = await tx.instances.withFacts([instance], this.config.hostDownAfterS);
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
