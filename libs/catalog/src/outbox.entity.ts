import { Column, Entity, Index, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { time } from './columns.js';

/** A message that commits together with what it is about; the conductor's relay publishes it. */
@Entity('outbox')
export class OutboxEntity {
  @Index('outbox_unpublished', { where: 'published_at is null' })
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'BY DEFAULT',
    primaryKeyConstraintName: 'outbox_pk',
  })
  id!: string;
  @Column('text') exchange!: string;
  @Column('text', { name: 'routing_key' }) routingKey!: string;
  @Unique('outbox_message_id', ['messageId'])
  @Column('text', { name: 'message_id' })
  messageId!: string;
  @Column('jsonb') body!: unknown;
  @Column(time('created_at')) createdAt!: Date;
  @Column(time('published_at', { nullable: true })) publishedAt!: Date | null;
}
