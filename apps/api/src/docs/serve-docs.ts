import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Log } from '@varve/catalog';
import { asyncApiDocument } from '@varve/contracts';

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
  if (dir === undefined || !existsSync(join(dir, 'index.html'))) {
    if (dir !== undefined) log.warn({ dir }, 'the documentation is not built, and so not served');
    return;
  }
  // The pages' addresses are relative to it.
  fastify.get('/docs', (_, reply) => reply.redirect('docs/'));
  await fastify.register(fastifyStatic, {
    root: dir,
    prefix: '/docs/',
    decorateReply: false,
    extensions: ['html'],
    cacheControl: false,
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
