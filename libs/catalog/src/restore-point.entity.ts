import type { SnapshotStatus } from '@varve/contracts';
import type { Consistency, InstanceId, LayerUid, OperationId, Problem, ProjectId, SnapshotUid } from '@varve/core';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { bigint, time } from './columns.js';
import { InstanceEntity } from './instance.entity.js';
import { LayerEntity } from './layer.entity.js';
import { OperationEntity } from './operation.entity.js';

/** The promise "this instance can go back to then"; users call it a snapshot. */
@Entity('restore_points')
@Check('restore_points_status_known', `status in ('creating', 'available', 'restoring', 'deleting', 'error')`)
@Check('restore_points_consistency_known', `consistency in ('crash', 'filesystem')`)
@Check('restore_points_have_a_layer', `status in ('creating', 'error') or layer_uid is not null`)
@Index('restore_points_live', ['layerUid'], { where: `status in ('available', 'restoring')` })
@Index('restore_points_of_instance', ['instanceId', 'createdAt', 'uid'])
@Index('restore_points_sealed', ['instanceId', 'sealedAt', 'uid'])
// By an expression, which TypeORM has no word for: (instance_id, coalesce(sealed_at, created_at), uid).
@Index('restore_points_in_time', { synchronize: false })
@ForeignKey(() => LayerEntity, ['layerUid', 'instanceId'], ['uid', 'instanceId'], {
  name: 'restore_points_layer_fk',
  onDelete: 'RESTRICT',
})
export class RestorePointEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'restore_points_pk' }) uid!: SnapshotUid;
  @ForeignKey(() => InstanceEntity, { name: 'restore_points_instance_fk', onDelete: 'RESTRICT' })
  @Column('uuid', { name: 'instance_id' })
  instanceId!: InstanceId;
  @Column('text', { name: 'project_id' }) projectId!: ProjectId;
  @Column('text', { nullable: true }) name!: string | null;
  @Column('text') status!: SnapshotStatus;
  @Index('restore_points_layer', { unique: true })
  @Column('uuid', { name: 'layer_uid', nullable: true })
  layerUid!: LayerUid | null;
  /** The one that made it. */
  @ForeignKey(() => OperationEntity, { name: 'restore_points_operation_fk', onDelete: 'RESTRICT' })
  @Column('uuid', { name: 'operation_id' })
  operationId!: OperationId;
  /** Of that operation: tells on which side of a rollback it lies. */
  @Column(bigint('epoch')) epoch!: number;
  @Column('text', { nullable: true }) consistency!: Consistency | null;
  @Column('double precision', { name: 'stall_ms', nullable: true }) stallMs!: number | null;
  @Column('boolean', { default: false }) healed!: boolean;
  @Column('jsonb', { nullable: true }) problem!: Problem | null;
  @Column(time('created_at')) createdAt!: Date;
  @Column(time('sealed_at', { nullable: true })) sealedAt!: Date | null;
  @Column(time('available_at', { nullable: true })) availableAt!: Date | null;
}
