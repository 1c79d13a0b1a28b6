import type { HostName } from '@varve/core';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { bigint, time } from './columns.js';

/** A hypervisor host, as its worker's last heartbeat described it. */
@Entity('hosts')
export class HostEntity {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'hosts_pk' }) name!: HostName;
  @Column('text') version!: string;
  @Column('jsonb') versions!: Record<string, string>;
  /** Of its worker; none of them secret. */
  @Column('jsonb', { default: {} }) settings!: Record<string, string>;
  @Column(bigint('free_bytes')) freeBytes!: number;
  @Column('integer', { name: 'open_journals' }) openJournals!: number;
  @Column(time('started_at')) startedAt!: Date;
  /** By the host's clock: tells an old heartbeat from a new one. */
  @Column(time('reported_at')) reportedAt!: Date;
  /** By the database's clock: tells whether the host is up, whatever its own clock says. */
  @Column(time('seen_at')) seenAt!: Date;
}
