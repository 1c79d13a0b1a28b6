import type { EntityManager, ObjectLiteral } from 'typeorm';
import { AuditRepository, IdempotencyRepository } from './request-log.repository.js';
import { ChainsRepository } from './chains.repository.js';
import { ComputeFactsRepository } from './compute-facts.repository.js';
import { ExpectationsRepository } from './expectations.repository.js';
import { HostsRepository } from './hosts.repository.js';
import { HousekeepingRepository } from './housekeeping.repository.js';
import { InstancesRepository } from './instances.repository.js';
import { LayersRepository } from './layers.repository.js';
import { OperationsRepository } from './operations.repository.js';
import { OverviewRepository } from './overview.repository.js';
import { OutboxRepository } from './outbox.repository.js';
import { RestorePointsRepository } from './restore-points.repository.js';
import { StepsRepository } from './steps.repository.js';
import { TimelineRepository } from './timeline.repository.js';

/**
 * The catalog's tables inside one transaction.
 *
 * Whoever locks rows of several tables locks the instance first, then the operation, then the rest: so that two never
 * wait for each other.
 */
export class CatalogTx {
  readonly chains: ChainsRepository;
  readonly hosts: HostsRepository;
  readonly instances: InstancesRepository;
  readonly layers: LayersRepository;
  readonly operations: OperationsRepository;
  readonly restorePoints: RestorePointsRepository;
  readonly steps: StepsRepository;
  readonly expectations: ExpectationsRepository;
  readonly timeline: TimelineRepository;
  readonly overview: OverviewRepository;
  readonly outbox: OutboxRepository;
  readonly idempotency: IdempotencyRepository;
  readonly audit: AuditRepository;
  readonly compute: ComputeFactsRepository;
  readonly housekeeping: HousekeepingRepository;

  constructor(private readonly db: EntityManager) {
    this.chains = new ChainsRepository(db);
    this.hosts = new HostsRepository(db);
    this.instances = new InstancesRepository(db);
    this.layers = new LayersRepository(db);
    this.operations = new OperationsRepository(db);
    this.restorePoints = new RestorePointsRepository(db);
    this.steps = new StepsRepository(db);
    this.expectations = new ExpectationsRepository(db);
    this.timeline = new TimelineRepository(db);
    this.overview = new OverviewRepository(db);
    this.outbox = new OutboxRepository(db);
    this.idempotency = new IdempotencyRepository(db);
    this.audit = new AuditRepository(db);
    this.compute = new ComputeFactsRepository(db);
    this.housekeeping = new HousekeepingRepository(db);
  }

  query<Row extends ObjectLiteral>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return this.db.query(sql, parameters);
  }
}
