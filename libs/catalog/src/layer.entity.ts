import type { InstanceId, LayerUid, ProjectId } from '@varve/core';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, Unique } from 'typeorm';
import { bigint, time } from './columns.js';
import { InstanceEntity } from './instance.entity.js';

/** One stored layer. The row exists only while its object is in the store, whole and verified: the success list. */
@Entity('layers')
@Unique('layers_of_instance', ['uid', 'instanceId'])
// With more columns than it is sorted by, which TypeORM has no word for.
@Index('layers_stored', { synchronize: false })
@Check('layers_not_on_itself', 'backing_uid <> uid')
@ForeignKey(() => LayerEntity, ['backingUid', 'instanceId'], ['uid', 'instanceId'], {
  name: 'layers_backing_fk',
  onDelete: 'RESTRICT',
})
export class LayerEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'layers_pk' }) uid!: LayerUid;
  @Index('layers_instance')
  @ForeignKey(() => InstanceEntity, { name: 'layers_instance_fk', onDelete: 'RESTRICT' })
  @Column('uuid', { name: 'instance_id' })
  instanceId!: InstanceId;
  @Column('text', { name: 'project_id' }) projectId!: ProjectId;
  /** The layer it is stacked on; `null`: the base image. */
  @Index('layers_backing')
  @Column('uuid', { name: 'backing_uid', nullable: true })
  backingUid!: LayerUid | null;
  @Column('text', { name: 'base_sha256', nullable: true }) baseSha256!: string | null;
  @Unique('layers_object_key', ['objectKey'])
  @Column('text', { name: 'object_key' })
  objectKey!: string;
  @Column('text', { name: 'manifest_key' }) manifestKey!: string;
  @Column('text', { name: 'manifest_sha256' }) manifestSha256!: string;
  @Column('text') sha256!: string;
  @Column(bigint('object_bytes')) objectBytes!: number;
  @Column(bigint('file_bytes')) fileBytes!: number;
  @Column(bigint('changed_bytes')) changedBytes!: number;
  @Column(bigint('virtual_size_bytes')) virtualSizeBytes!: number;
  @Column(time('created_at')) createdAt!: Date;
}

/** A layer that nothing needs any more and whose object is still to be removed. Its uid never becomes a layer again. */
@Entity('discarded_layers')
export class DiscardedLayerEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'discarded_layers_pk' }) uid!: LayerUid;
  @Column('text', { name: 'object_key' }) objectKey!: string;
  @Column('text', { name: 'manifest_key' }) manifestKey!: string;
  @Column('integer', { default: 0 }) attempts!: number;
  @Column('jsonb', { nullable: true }) problem!: object | null;
  @Column(time('discarded_at')) discardedAt!: Date;
  @Index('discarded_layers_left', { where: 'removed_at is null' })
  @Column(time('next_attempt_at'))
  nextAttemptAt!: Date;
  @Column(time('removed_at', { nullable: true })) removedAt!: Date | null;
}
