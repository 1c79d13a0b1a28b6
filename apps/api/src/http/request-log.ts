import type { IncomingMessage } from 'node:http';
import { randomUUID } from 'node:crypto';
import type { Log } from '@varve/catalog';
import type { FastifyInstance } from 'fastify';
import type { CallerRequest } from './caller.js';
import type { Metrics } from '../system/metrics.js';

const REQUEST_ID = /^req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** OpenStack's form. The client's own is kept, so that one id can be followed through several services. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-openstack-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : `req-${randomUUID()}`;
}

/** Every answer says its request's id, and every request is in the log once and counted. */
export function watchRequests(fastify: FastifyInstance, metrics: Metrics, log: Log): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-openstack-request-id', request.id);
    done();
  });
  fastify.addHook('onResponse', (request: CallerRequest, reply, done) => {
    const { method, routeOptions, caller } = request;
    const route = routeOptions.url ?? 'unknown';
    const ms = reply.elapsedTime;
    metrics.requests.observe({ method, route, status: String(reply.statusCode) }, ms / 1000);
    const facts = {
      requestId: request.id,
      method,
      path: request.url.split('?')[0],
      status: reply.statusCode,
      ms: Math.round(ms),
      ...(caller && { user: caller.principal.userId, project: caller.principal.projectId }),
    };
    // Probes come every few seconds and say nothing.
    if (route.startsWith('/v1')) log.info(facts, 'request');
    else log.debug(facts, 'request');
    done();
  });
}
