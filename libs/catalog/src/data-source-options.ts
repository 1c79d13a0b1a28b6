import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import type { DataSourceOptions, MigrationInterface } from 'typeorm';
import { ComputeFactsEntity } from './compute-facts.entity.js';
import { HostEntity } from './host.entity.js';
import { InstanceSummaryEntity } from './instance-summary.entity.js';
import { InstanceEntity } from './instance.entity.js';
import { DiscardedLayerEntity, LayerEntity } from './layer.entity.js';
import { OperationEntity } from './operation.entity.js';
import { OutboxEntity } from './outbox.entity.js';
import { AuditEntity, IdempotencyKeyEntity } from './request-log.entity.js';
import { RestorePointEntity } from './restore-point.entity.js';

export const entities = [
  HostEntity,
  InstanceEntity,
  InstanceSummaryEntity,
  LayerEntity,
  DiscardedLayerEntity,
  OperationEntity,
  RestorePointEntity,
  OutboxEntity,
  IdempotencyKeyEntity,
  AuditEntity,
  ComputeFactsEntity,
];

export interface DatabaseSettings {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  readonly applicationName: string;
  readonly poolSize?: number;
}

/**
 * @param migrations - handed in by the app: a library does not know what the repository's top level holds
 * @param onPoolError - an idle connection broke; the pool replaces it by itself
 */
export function dataSourceOptions(
  { url, applicationName, poolSize = 10 }: DatabaseSettings,
  migrations: readonly (new () => MigrationInterface)[],
  onPoolError: (error: Error) => void = () => undefined,
): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    applicationName,
    poolSize,
    entities,
    migrations: [...migrations],
    // Ids come from us; nothing is to be installed in somebody else's database.
    uuidExtension: 'pgcrypto',
    installExtensions: false,
    poolErrorHandler: onPoolError,
    connectTimeoutMS: 5_000,
    // What takes longer than this is a fault, and its caller is answered. The last one is for a server that hangs.
    extra: {
      keepAlive: true,
      statement_timeout: 10_000,
      lock_timeout: 5_000,
      query_timeout: 12_000,
      Client: HeardClient,
    },
  };
}

/**
 * A connection whose breaking somebody hears of at any time. The pool stops listening as it hands one out, and TypeORM
 * begins a moment later; a database that shuts down in between would end the process. Whoever asks it next is told.
 */
class HeardClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    this.on('error', () => undefined);
  }
}
