// Prints every snapshot that has failed.   AMQP_URL=amqp://ear:password@host:5672/varve node consumer.ts
import { connect } from 'amqplib';

const QUEUE = 'ear.failed-snapshots';
const TYPES = ['snapshot.failed'];

interface SnapshotFailed {
  readonly id: string;
  readonly time: string;
  readonly subject: string;
  readonly data: { readonly problem: { readonly code: string; readonly message: string } };
}

const seen = new Set<string>();

const connection = await connect(process.env['AMQP_URL'] ?? 'amqp://127.0.0.1');
const channel = await connection.createChannel();
await channel.assertQueue(QUEUE, { durable: true });
for (const type of TYPES) await channel.bindQueue(QUEUE, 'varve.events', type);
await channel.prefetch(50);
await channel.consume(QUEUE, (message) => {
  if (message === null) throw new Error('The queue was deleted');
  const { id, time, subject, data } = JSON.parse(message.content.toString()) as SnapshotFailed;
  if (!seen.has(id)) {
    console.log(`${time} ${subject}: ${data.problem.message} (${data.problem.code})`);
    seen.add(id);
    for (const oldest of seen.size > 10_000 ? seen : []) {
      seen.delete(oldest);
      break;
    }
  }
  // Only now: what breaks off before is delivered again.
  channel.ack(message);
});
console.error('listening');
process.once('SIGINT', () => void connection.close());
