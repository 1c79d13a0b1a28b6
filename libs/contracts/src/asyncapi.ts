import { z } from 'zod';
import type { EventType } from './messages/events.schema.js';
import { VarveEvent } from './messages/events.schema.js';
import { EVENTS_EXCHANGE } from './routing.js';

/** What an event is for, in a sentence. */
export const EVENT_SUMMARIES: Readonly<Record<EventType, string>> = {
  'operation.accepted':
    'The host has the work on disk: whatever becomes of anybody else, it will be finished or undone.',
  'operation.progress': 'How far an operation is. May be lost.',
  'operation.step':
    'A step of the procedure begins or ends on its host, as its journal has it. May be lost: `operation.finished` has all.',
  'operation.finished': 'The last word on an operation: it succeeded, failed or was cancelled.',
  'snapshot.sealed': 'The layer is sealed: the restore point stands for this moment. It is not in the store yet.',
  'snapshot.available': 'The layer is in the store, whole and verified: one can go back to it.',
  'snapshot.failed': 'There is no restore point. What could not be stored waits on the host for the next snapshot.',
  'rollback.completed': 'The instance runs on the disk that was asked for.',
  'rollback.failed': 'The instance has the disk that it had.',
  'export.completed': 'The image is in the image service, active and verified.',
  'export.failed': 'There is no image.',
  'instance.chain': 'The layers of an instance, as its host has them now. May be lost: a heartbeat has them as well.',
  'host.heartbeat':
    'A host lives, and what it has. Sent every few seconds, and may be lost; of interest to the control plane.',
};

type Json = Readonly<Record<string, unknown>>;

/**
 * What goes out on the exchange for everybody, as AsyncAPI describes it; made of the schemas that events are parsed with.
 * Jobs are left out: they are between the control plane and one host, and nobody else may write or take them.
 */
export function asyncApiDocument(): Json {
  const schemas = new Map(VarveEvent.options.map((event) => [event.shape.type.value, jsonSchemaOf(event)]));
  const types = [...schemas.keys()];
  const each = <T>(make: (type: EventType) => T): Record<string, T> =>
    Object.fromEntries(types.map((type) => [nameOf(type), make(type)]));
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Varve events',
      version: '1',
      description:
        'CloudEvents 1.0 in structured JSON. Bind a queue of your own to the exchange by the types you want (`snapshot.*`, ' +
        '`#`). Events are ordered for one instance, and may come twice with the same `id`. Fields are only ever added.',
      license: { name: 'Apache-2.0' },
    },
    defaultContentType: 'application/json',
    channels: each((type) => ({
      address: type,
      messages: { [nameOf(type)]: { $ref: `#/components/messages/${nameOf(type)}` } },
      bindings: {
        amqp: {
          is: 'routingKey',
          exchange: { name: EVENTS_EXCHANGE, type: 'topic', durable: true, autoDelete: false, vhost: '/' },
          bindingVersion: '0.3.0',
        },
      },
    })),
    operations: each((type) => ({
      action: 'send',
      channel: { $ref: `#/channels/${nameOf(type)}` },
      summary: EVENT_SUMMARIES[type],
      messages: [{ $ref: `#/channels/${nameOf(type)}/messages/${nameOf(type)}` }],
    })),
    components: {
      messages: each((type) => ({
        name: type,
        title: type,
        summary: EVENT_SUMMARIES[type],
        contentType: 'application/json',
        payload: { $ref: `#/components/schemas/${nameOf(type)}` },
      })),
      schemas: each((type) => schemas.get(type) ?? {}),
    },
  };
}

/** What goes in describes what goes out as well: ids differ in their type alone. */
function jsonSchemaOf(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
  return json;
}

/** `snapshot.available` becomes `snapshotAvailable`: a dot is none of a component's name. */
const nameOf = (type: string): string => type.replaceAll(/\.(\w)/g, (_, letter: string) => letter.toUpperCase());
