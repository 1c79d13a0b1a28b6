import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { Catalog } from '@varve/catalog';
import type { Listener } from '@varve/catalog';
import { Subject } from 'rxjs';

/**
 * Ids of rows that changed, from whoever changed them: the database tells. One connection for all who want to know.
 */
@Injectable()
export class Changes implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly operations = new Subject<string>();
  readonly instances = new Subject<string>();
  /** The connection is new: what changed before may not have been told. */
  readonly missed = new Subject<void>();
  private listener: Listener | null = null;

  constructor(private readonly catalog: Catalog) {}

  onApplicationBootstrap(): void {
    this.listener = this.catalog.listen(
      ['varve_operation', 'varve_instance'],
      (id, channel) => (channel === 'varve_operation' ? this.operations : this.instances).next(id),
      () => this.missed.next(),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    await this.listener?.close();
  }
}
