import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import { NotFoundException } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Log } from '@varve/catalog';
import { asyncApiDocument } from '@varve/contracts';
import type { FastifyInstance } from 'fastify';
import { isForPeople } from '../http/for-people.js';

/**
 * The documentation at `/docs/`, and the description of the events at `/asyncapi.json`. The page to try the API, at
 * `/docs/api`, is the framework's.
 *
 * @param dir - the pages as built; where they are not there, they are not served
 */
export async function serveDocs(app: NestFastifyApplication, dir: string | undefined, log: Log): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const events = JSON.stringify(asyncApiDocument());
  fastify.get('/asyncapi.json', (_, reply) => reply.type('application/json').send(events));
  // Whatever is below it may load what comes from here, and nothing else; the framework's page writes its own styles.
  fastify.addHook('onRequest', (request, reply, done) => {
    const [path = ''] = request.url.split('?');
    if (path === '/docs' || path.startsWith('/docs/')) {
      void reply.headers({ ...HEADERS, 'content-security-policy': policyFor(path) });
    }
    done();
  });
  if (dir === undefined || !['index.html', '404.html'].every((file) => existsSync(join(dir, file)))) {
    if (dir !== undefined) log.warn({ dir }, 'the documentation is not built, and so not served');
    return;
  }
  // The pages' addresses are relative to it.
  fastify.get('/docs', (_, reply) => reply.redirect('docs/'));
  const pages = async (docs: FastifyInstance): Promise<void> => {
    answerForWhatIsNot(docs, dir);
    await docs.register(fastifyStatic, {
      root: dir,
      prefix: '/',
      decorateReply: false,
      extensions: ['html'],
      cacheControl: false,
      // It is no page of its own.
      allowedPath: (path) => !/^\/404(\.html)?$/.test(path),
    });
  };
  await fastify.register(pages, { prefix: '/docs' });
}

/** Whoever mistypes an address in a browser gets a page that leads on; a program the API's own answer, as ever. */
function answerForWhatIsNot(docs: FastifyInstance, dir: string): void {
  const page = readFileSync(join(dir, '404.html'), 'utf8');
  docs.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    if (!isForPeople(request)) throw new NotFoundException(`Cannot ${request.method} ${path}`);
    // Its addresses are relative, as if it lay at the top: from further down the way is longer.
    const up = '../'.repeat(Math.max(0, path.split('/').length - '/docs/x'.split('/').length));
    const html = page.replace(/ (?:href|src|data-root)="(?!#|\w+:)/g, (start) => start + up);
    return reply.status(404).type('text/html; charset=utf-8').send(html);
  });
}

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cache-control': 'no-cache',
};

const policyFor = (path: string): string => {
  const styles = path === '/docs/api' || path.startsWith('/docs/api/') ? "'self' 'unsafe-inline'" : "'self'";
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
};
