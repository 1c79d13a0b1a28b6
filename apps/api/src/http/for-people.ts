import type { FastifyRequest } from 'fastify';

/** Somebody is there to read a page; everything else gets its answers as JSON. */
export const isForPeople = ({ headers }: FastifyRequest): boolean => (headers.accept ?? '').includes('text/html');
