import type { HostName } from '@varve/core';
import {
  CATALOG_QUEUE,
  DEAD_LETTER_EXCHANGE,
  DEAD_LETTER_QUEUE,
  EVENTS_EXCHANGE,
  JOBS_EXCHANGE,
  jobsQueueOf,
} from './routing.js';

/** As `rabbitmqctl set_permissions` takes them: whose names a user may make and delete, write to, read from. */
export interface Rights {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

const literal = (name: string): string => name.replaceAll(/[.\\+*?[\](){}^$|]/g, '\\$&');
const only = (...patterns: string[]): string => `^(${patterns.join('|')})$`;
const shared = [JOBS_EXCHANGE, EVENTS_EXCHANGE, DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, CATALOG_QUEUE];
const all = only(...new Set(shared.map(literal)), `${literal(jobsQueueOf('' as HostName))}.+`);

/** The conductor makes everything, and every host's queue as soon as it has a job for it. */
export const CONDUCTOR_RIGHTS: Rights = { configure: all, write: all, read: all };

/**
 * The least that a host's worker can do with, once a conductor has run: its own queue, events, dead letters. What it
 * can't do: read or delete other hosts' jobs, the catalog's queue, the dead letters.
 */
export function workerRights(host: HostName): Rights {
  const queue = literal(jobsQueueOf(host));
  return {
    configure: only(queue),
    write: only(queue, literal(EVENTS_EXCHANGE), literal(DEAD_LETTER_EXCHANGE)),
    read: only(queue, literal(JOBS_EXCHANGE)),
  };
}

/** On the broker of Nova's notifications. Where Nova has never been up, its exchange can't be made, and is waited for. */
export function listenerRights(queue: string, exchange: string): Rights {
  return {
    configure: only(literal(queue)),
    write: only(literal(queue)),
    read: only(literal(queue), literal(exchange)),
  };
}

/** Where our events go out as oslo.messaging's notifications. */
export function notifierRights(exchange: string): Rights {
  return { configure: only(literal(exchange)), write: only(literal(exchange)), read: '^$' };
}
