import type { ProjectId } from '@varve/core';
import { Check, Column, Entity, Index, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import { time } from './columns.js';

/** What a POST with an Idempotency-Key was answered: asked again, it is answered the same. */
@Entity('idempotency_keys')
export class IdempotencyKeyEntity {
  @PrimaryColumn({ type: 'text', name: 'project_id', primaryKeyConstraintName: 'idempotency_keys_pk' })
  projectId!: ProjectId;
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'idempotency_keys_pk' }) key!: string;
  @Column('text', { name: 'request_hash' }) requestHash!: string;
  /** `null` only inside the transaction that the answer is made in. */
  @Column('integer', { nullable: true }) status!: number | null;
  /** Not jsonb, which would answer the same in another order. */
  @Column('json', { nullable: true }) body!: unknown;
  @Index('idempotency_keys_age')
  @Column(time('created_at'))
  createdAt!: Date;
}

/** Every accepted write and every denial. Never deleted by us, and changed only in how many times it stands for. */
@Entity('audit_log')
@Check('audit_log_outcome_known', `outcome in ('accepted', 'denied')`)
@Index('audit_log_of_project', ['projectId', 'at'])
export class AuditEntity {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'audit_log_pk',
  })
  id!: string;
  @Column(time('at')) at!: Date;
  @Column('text', { name: 'user_id' }) userId!: string;
  @Column('text', { name: 'project_id' }) projectId!: ProjectId;
  @Column('text') action!: string;
  @Column('text') target!: string;
  @Column('text', { name: 'request_id' }) requestId!: string;
  @Column('text') outcome!: 'accepted' | 'denied';
  @Column('text', { nullable: true }) code!: string | null;
  /** Where it came from, as far as we can see; only of callers that are nobody. */
  @Column('text', { nullable: true }) client!: string | null;
  /** Of requests of one minute that are alike. */
  @Column('integer', { default: 1 }) times!: number;
}
