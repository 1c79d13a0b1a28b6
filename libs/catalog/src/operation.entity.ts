import type { OperationKind, OperationState, Phase, Step } from '@varve/contracts';
import type {
  HostName,
  ImageId,
  InstanceId,
  LayerUid,
  OperationId,
  Problem,
  ProjectId,
  SnapshotUid,
} from '@varve/core';
import { Check, Column, Entity, ForeignKey, Index, PrimaryColumn, VirtualColumn } from 'typeorm';
import { bigint, time } from './columns.js';
import { InstanceEntity } from './instance.entity.js';

/** One accepted request: what became of it, and how far it is. */
@Entity('operations')
@Check(
  'operations_kind_known',
  `kind in ('snapshot', 'rollback', 'undo', 'keep', 'delete', 'settle', 'export', 'repair')`,
)
@Check('operations_state_known', `state in ('queued', 'running', 'succeeded', 'failed', 'cancelled')`)
@Check('operations_settled_by_known', `settled_by in ('event', 'sweep', 'control')`)
@Check(
  'operations_settled',
  `(state in ('queued', 'running')) = (settled_by is null) and (settled_by is null) = (finished_at is null)`,
)
@Check(
  'operations_subject',
  `(kind = 'undo') = (undoes is not null) and (kind = 'keep') = (keeps is not null)
    and (kind in ('undo', 'keep', 'settle', 'repair') or snapshot_uid is not null)`,
)
@Index('operations_one_active', ['instanceId'], { unique: true, where: `state in ('queued', 'running')` })
@Index('operations_of_instance', ['instanceId', 'createdAt', 'id'])
@Index('operations_of_project', ['projectId', 'createdAt', 'id'])
@Index('operations_by_time', ['createdAt', 'id'])
@Index('operations_turns', ['instanceId', 'epoch'], {
  where: `kind in ('rollback', 'undo') and state = 'succeeded'`,
})
@Index('operations_failed', ['finishedAt'], { where: `state = 'failed'` })
@Index('operations_of_kind', ['kind', 'createdAt', 'id'])
@Index('operations_of_host', ['host', 'kind', 'createdAt'])
@Index('operations_unconfirmed', ['instanceId'], { where: `settled_by = 'sweep'` })
export class OperationEntity {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'operations_pk' }) id!: OperationId;
  @ForeignKey(() => InstanceEntity, { name: 'operations_instance_fk', onDelete: 'RESTRICT' })
  @Column('uuid', { name: 'instance_id' })
  instanceId!: InstanceId;
  /** As it is called now. */
  @VirtualColumn({ query: (alias) => `select i.name from instances i where i.id = ${alias}.instance_id` })
  instanceName!: string;
  @Column('text', { name: 'project_id' }) projectId!: ProjectId;
  /** Where its job went. */
  @Column('text') host!: HostName;
  @Column('text') kind!: OperationKind;
  @Column('text') state!: OperationState;
  @Column('text') phase!: Phase;
  @Column(bigint('done_bytes', { default: 0 })) doneBytes!: number;
  @Column(bigint('total_bytes', { default: 0 })) totalBytes!: number;
  /** Time and id of the progress event that was last recorded: an older one that comes late is passed over. */
  @Column('text', { name: 'progress_key', default: '' }) progressKey!: string;
  @Column('boolean', { name: 'past_no_return', default: false }) pastNoReturn!: boolean;
  @Column('boolean', { name: 'cancel_requested', default: false }) cancelRequested!: boolean;
  /** `event`: its host said so, which is final. `sweep`: given up. `control`: it never left the control plane. */
  @Column('text', { name: 'settled_by', nullable: true }) settledBy!: 'event' | 'sweep' | 'control' | null;
  @Column(bigint('epoch')) epoch!: number;
  /** No foreign key: an operation outlives the restore point it made or deleted. */
  @Column('uuid', { name: 'snapshot_uid', nullable: true }) snapshotUid!: SnapshotUid | null;
  @ForeignKey(() => OperationEntity, { name: 'operations_undoes_fk', onDelete: 'RESTRICT' })
  @Column('uuid', { nullable: true })
  undoes!: OperationId | null;
  /** The rollback that can't be undone any more once this has succeeded. */
  @Index('operations_keeps', { where: 'keeps is not null' })
  @ForeignKey(() => OperationEntity, { name: 'operations_keeps_fk', onDelete: 'RESTRICT' })
  @Column('uuid', { nullable: true })
  keeps!: OperationId | null;
  /** What a snapshot's layer is called on the host, whether or not it comes into the store. */
  @Index('operations_layer', { where: 'layer_uid is not null' })
  @Column('uuid', { name: 'layer_uid', nullable: true })
  layerUid!: LayerUid | null;
  /** What an export has made. No foreign key: it is not ours any more. */
  @Column('uuid', { name: 'image_id', nullable: true }) imageId!: ImageId | null;
  /** The stored state that the chain stood on before a rollback: its undo goes back there. */
  @Column('uuid', { name: 'replaced_layer_uid', nullable: true }) replacedLayerUid!: LayerUid | null;
  @Column(bigint('fetched_bytes', { nullable: true })) fetchedBytes!: number | null;
  @Column(bigint('local_bytes', { nullable: true })) localBytes!: number | null;
  @Column('double precision', { name: 'downtime_ms', nullable: true }) downtimeMs!: number | null;
  @Column('integer', { name: 'chain_length', nullable: true }) chainLength!: number | null;
  @Column('jsonb', { default: [] }) merges!: { strategy: string; seconds: number }[];
  /** What its host did, step by step; see `StepsRepository`. Not among what is read with a list. */
  @Column('jsonb', { nullable: true, select: false }) steps!: (Step & { at: string })[] | null;
  @Column('jsonb', { nullable: true }) problem!: Problem | null;
  @Column('text', { name: 'request_id', nullable: true }) requestId!: string | null;
  @Column('text', { name: 'user_id' }) userId!: string;
  @Column(time('created_at')) createdAt!: Date;
  @Column(time('started_at', { nullable: true })) startedAt!: Date | null;
  @Column(time('finished_at', { nullable: true })) finishedAt!: Date | null;
}
