import type { Chain } from '@varve/contracts';
import type { HostName, InstanceId, LayerUid, Problem, ProjectId } from '@varve/core';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { bigint, time } from './columns.js';
import { HostEntity } from './host.entity.js';

@Entity('instances')
@Check('instances_state_known', `state in ('running', 'paused', 'stopped', 'unknown')`)
@Index('instances_project', ['projectId', 'id'])
export class InstanceEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'instances_pk' }) id!: InstanceId;
  @Column('text', { name: 'project_id' }) projectId!: ProjectId;
  @Index('instances_host')
  @ForeignKey(() => HostEntity, { name: 'instances_host_fk', onDelete: 'RESTRICT' })
  @Column('text')
  host!: HostName;
  @Column('text') name!: string;
  /** `unknown`: its host no longer reports it. */
  @Column('text') state!: 'running' | 'paused' | 'stopped' | 'unknown';
  @Column(bigint('virtual_size_bytes', { nullable: true })) virtualSizeBytes!: number | null;
  @Column('integer', { name: 'chain_length', nullable: true }) chainLength!: number | null;
  @Column('jsonb', { nullable: true }) unsupported!: Problem | null;
  /** Of the last job. */
  @Column(bigint('epoch', { default: 0 })) epoch!: number;
  /**
   * The newest stored state that the host's chain stands on. No foreign key: the event that says so may come before
   * the one that brings the layer's row.
   */
  @Column('uuid', { name: 'head_layer_uid', nullable: true }) headLayerUid!: LayerUid | null;
  /** What the layers below the active one show, stored or not; `null`: there are none, or nobody knows. */
  @Column('uuid', { name: 'top_layer_uid', nullable: true }) topLayerUid!: LayerUid | null;
  /** Epoch of the operation that said so: an older one's late word does not count. */
  @Column(bigint('head_epoch', { default: 0 })) headEpoch!: number;
  /** Its layers on the host, as that said at {@link chainAt}. */
  @Column('jsonb', { nullable: true }) chain!: Omit<Chain, 'observedAt'> | null;
  /** By the host's clock: tells old words from new ones. */
  @Column(time('chain_at', { nullable: true })) chainAt!: Date | null;
  @Column(time('seen_at')) seenAt!: Date;
}
