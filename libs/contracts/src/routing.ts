import type { HostName } from '@varve/core';

/** Names in RabbitMQ. A queue's arguments can't change once declared: another set of arguments is another name. */
export const JOBS_EXCHANGE = 'varve.jobs';
export const EVENTS_EXCHANGE = 'varve.events';
export const DEAD_LETTER_EXCHANGE = 'varve.dead';
export const CATALOG_QUEUE = 'varve.catalog';
export const DEAD_LETTER_QUEUE = 'varve.dead';
export const jobsQueueOf = (host: HostName): string => `varve.jobs.${host}`;
