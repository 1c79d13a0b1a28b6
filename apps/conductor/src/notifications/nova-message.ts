import type { Observation, RootChange } from '@varve/catalog';
import { InstanceIdSchema, ProjectIdSchema } from '@varve/contracts';
import { z } from 'zod';

/** What a notification of Nova says, as far as it is of use here. */
export interface NovaNews {
  readonly eventType: string;
  readonly observation: Observation;
  readonly rootChange: RootChange | null;
}

/** How oslo.messaging wraps a notification; its first version does not. */
const Wrapped = z.object({ 'oslo.message': z.string() });
const Message = z.object({
  event_type: z.string(),
  /** UTC, `2026-11-22 12:16:36.480807` */
  timestamp: z.string().regex(/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?$/),
  payload: z.unknown(),
  _context_request_id: z.string().nullish(),
});

/** Nova writes an empty text where the older form has no value. */
const text = z
  .string()
  .nullish()
  .transform((value) => value || null);
const common = {
  tenant_id: ProjectIdSchema,
  display_name: text,
  host: text,
  state: z.string().min(1),
  terminated_at: text,
  deleted_at: text,
};
const Versioned = z.object({ 'nova_object.data': z.object({ uuid: InstanceIdSchema, ...common }) });
const Legacy = z.object({ instance_id: InstanceIdSchema, ...common });

/** Both forms tell of the same things: `instance.rebuild.end` and `compute.instance.rebuild.end`. */
const ABOUT_A_SERVER = /^(?:compute\.)?instance\./;
/** Clocks that are kept in step by the network, at their worst. */
const CLOCKS_DIFFER_BY_MS = 60_000;
/** After these the server has another system disk than before. A shelved one that was not offloaded sends none. */
const NEW_ROOT = /^(?:compute\.)?instance\.(?:rebuild|unshelve)\.end$/;

/**
 * Every notification about a server says how it is at that moment, whatever it is about: so each is an observation, and
 * a lost one is made good by the next. A few tell besides what can't be seen of the state.
 *
 * @param body - of the AMQP message
 * @param receivedAt - a clock that is far ahead of ours must not make an observation win over all that follow
 * @returns `null`: not about a server, or nothing that we understand
 */
export function readNovaMessage(body: unknown, receivedAt: Date): NovaNews | null {
  const message = Message.safeParse(unwrapped(body));
  if (!message.success || !ABOUT_A_SERVER.test(message.data.event_type)) return null;
  const { event_type: eventType, timestamp, payload, _context_request_id: requestId } = message.data;
  const facts = factsOf(payload);
  if (!facts) return null;
  const isDeleted = facts.state === 'deleted';
  const observation: Observation = {
    instanceId: facts.id,
    projectId: facts.tenant_id,
    name: facts.display_name ?? facts.id,
    host: facts.host,
    vmState: facts.state,
    // A little ahead stays as it is: cut off, what was said one after the other would be of the same moment.
    observedAt: notAfter(timestamp, new Date(receivedAt.getTime() + CLOCKS_DIFFER_BY_MS)),
    deletedAt: isDeleted ? wholeSecond(facts.terminated_at ?? facts.deleted_at ?? timestamp) : null,
  };
  const isNewRoot = NEW_ROOT.test(eventType) && facts.state !== 'error' && typeof requestId === 'string';
  // Held against times of our own clock.
  const at = notAfter(timestamp, receivedAt);
  return { eventType, observation, rootChange: isNewRoot ? { instanceId: facts.id, requestId, at } : null };
}

function unwrapped(body: unknown): unknown {
  const wrapped = Wrapped.safeParse(body);
  if (!wrapped.success) return body;
  try {
    return JSON.parse(wrapped.data['oslo.message']) as unknown;
  } catch {
    return null; // what is not JSON is nothing that we understand
  }
}

function factsOf(payload: unknown): (z.output<typeof Legacy> & { id: z.output<typeof InstanceIdSchema> }) | null {
  const versioned = Versioned.safeParse(payload);
  if (versioned.success) {
    const { uuid, ...rest } = versioned.data['nova_object.data'];
    return { id: uuid, instance_id: uuid, ...rest };
  }
  const legacy = Legacy.safeParse(payload);
  return legacy.success ? { id: legacy.data.instance_id, ...legacy.data } : null;
}

/** Nova's times are UTC, with and without a `T` and a zone; microseconds stay. */
const asIso = (time: string): string => {
  const iso = time.replace(' ', 'T');
  return /(?:Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`;
};

/** One form has microseconds and the other has not. */
const wholeSecond = (time: string): string => `${asIso(time).slice(0, 19)}Z`;

const notAfter = (timestamp: string, latest: Date): string => {
  const iso = asIso(timestamp);
  return Date.parse(iso) > latest.getTime() ? latest.toISOString() : iso;
};
