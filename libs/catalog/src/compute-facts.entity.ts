import type { InstanceId, ProjectId } from '@varve/core';
import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { time } from './columns.js';

/** What Nova last said of a server. */
@Entity('compute_facts')
export class ComputeFactsEntity {
  @PrimaryColumn({ type: 'uuid', name: 'instance_id', primaryKeyConstraintName: 'compute_facts_pk' })
  instanceId!: InstanceId;
  @Column('text', { name: 'project_id' }) projectId!: ProjectId;
  @Column('text') name!: string;
  /** `null`: on none, as before it is built and while it is shelved. */
  @Column('text', { nullable: true }) host!: string | null;
  /** Nova's word. */
  @Column('text', { name: 'vm_state' }) vmState!: string;
  /** When all of the above was so, by Nova's clock. Read with milliseconds; the database compares microseconds. */
  @Column({ ...time('observed_at'), precision: 6 }) observedAt!: Date;
  /** Since when Nova has none; `null`: it has. */
  @Index('compute_facts_deleted')
  @Column(time('deleted_at', { nullable: true }))
  deletedAt!: Date | null;
  /** The request that last gave it another system disk; `null`: it has the one that it was made with. */
  @Column('text', { name: 'root_request_id', nullable: true }) rootRequestId!: string | null;
  @Column({ ...time('root_at', { nullable: true }), precision: 6 }) rootAt!: Date | null;
  /** The `launched_at` for which a reconciliation has looked for such requests. */
  @Column('text', { name: 'roots_checked_for', nullable: true }) rootsCheckedFor!: string | null;
}
