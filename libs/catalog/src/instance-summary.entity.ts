import type { InstanceId } from '@varve/core';
import { Column, Entity, ForeignKey, PrimaryColumn } from 'typeorm';
import { bigint, time } from './columns.js';
import { InstanceEntity } from './instance.entity.js';

/** What an instance's restore points and layers add up to. The database itself keeps it, with every change of those. */
@Entity('instance_summaries')
export class InstanceSummaryEntity {
  @PrimaryColumn({ type: 'uuid', name: 'instance_id', primaryKeyConstraintName: 'instance_summaries_pk' })
  @ForeignKey(() => InstanceEntity, { name: 'instance_summaries_instance_fk', onDelete: 'CASCADE' })
  instanceId!: InstanceId;
  /** That can be gone back to. */
  @Column('integer', { name: 'restore_points', default: 0 }) restorePoints!: number;
  /** What the newest of them stands for. */
  @Column(time('last_point_at', { nullable: true })) lastPointAt!: Date | null;
  /** Of the newest snapshot that is over and was not cancelled. */
  @Column('boolean', { name: 'newest_failed', default: false }) newestFailed!: boolean;
  /** Of all its layers in the object store. */
  @Column(bigint('stored_bytes', { default: 0 })) storedBytes!: number;
  /** Had each restore point been stored as a whole disk. */
  @Column(bigint('full_bytes', { default: 0 })) fullBytes!: number;
}
