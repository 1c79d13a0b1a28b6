import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Log } from '@varve/catalog';
import type { FastifyReply } from 'fastify';
import { isForPeople } from '../http/for-people.js';

/** The page's own addresses; every one of them is the same file, and the page decides what to show. */
const PAGES = ['/', '/login', '/instances', '/instances/*', '/operations', '/operations/*', '/admin/*'];

export interface DashboardSettings {
  /** As built; where it is not there, nothing is served. */
  readonly dir: string;
  /** Who may show the page in a frame of theirs: sources as of a Content-Security-Policy. */
  readonly frameAncestors: string;
}

/**
 * The dashboard, from the origin of the API that it speaks to. What it may load is what comes from here, so that a text
 * that somebody else has written can't become code that reads the token.
 */
export async function serveDashboard(
  app: NestFastifyApplication,
  { dir, frameAncestors }: DashboardSettings,
  log: Log,
): Promise<void> {
  if (!existsSync(join(dir, 'index.html'))) {
    log.warn({ dir }, 'the dashboard is not built, and so not served');
    return;
  }
  const fastify = app.getHttpAdapter().getInstance();
  await fastify.register(fastifyStatic, {
    root: join(dir, 'assets'),
    prefix: '/assets/',
    // Their names change with their content.
    immutable: true,
    maxAge: '365d',
    index: false,
    // Packed when they were built.
    preCompressed: true,
    setHeaders: (reply) => void reply.header('x-content-type-options', 'nosniff'),
  });
  const headers = {
    'content-security-policy': policyFor(frameAncestors),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-cache',
  };
  const send = (reply: FastifyReply): FastifyReply =>
    reply.headers(headers).sendFile('index.html', dir, { cacheControl: false });
  for (const page of PAGES) fastify.get(page, (_, reply) => send(reply));
  // Whoever mistypes an address in a browser is told so by the page, with a way on; a program by the API, as ever.
  fastify.get('/*', (request, reply) => {
    if (!isForPeople(request) || NOT_PAGES.test(request.url.split('?')[0] ?? '')) return reply.callNotFound();
    return send(reply.status(404));
  });
}

/** Everything below these is for programs, or has a "not found" of its own. */
const NOT_PAGES = /^\/(v1|docs|assets)(\/|$)/;

const policyFor = (frameAncestors: string): string =>
  [
    "default-src 'self'",
    "script-src 'self'",
    // antd writes its styles into the page as it goes.
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    `frame-ancestors ${frameAncestors}`,
  ].join('; ');
