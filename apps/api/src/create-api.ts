import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createIdentity } from '@varve/adapters';
import { Catalog } from '@varve/catalog';
import type { Identity } from '@varve/ports';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { ApiModule } from './api.module.js';
import type { ApiConfig } from './config.js';
import { serveDashboard } from './dashboard/serve-dashboard.js';
import { serveDocs } from './docs/serve-docs.js';
import { describeApi } from './http/openapi.js';
import { requestIdOf, watchRequests } from './http/request-log.js';
import { Metrics } from './system/metrics.js';

export interface Api {
  /** Without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/** A request is a few names and ids. */
const BODY_LIMIT = 64 * 1024;

/**
 * Starts the API. It listens at once, so that it can be asked how it is; the promise resolves when the database is there
 * as well, for which it waits as long as it takes. Until then requests are answered with 503.
 *
 * @param options.identity - instead of the configured one
 * @param options.dashboardDir - the dashboard as built; without one, there is none
 * @param options.docsDir - the documentation as built; the same
 * @throws when the port is taken, a setting's file can't be read, or the database refuses us
 */
export async function createApi(
  config: ApiConfig,
  options: { identity?: Identity; dashboardDir?: string; docsDir?: string } = {},
): Promise<Api> {
  const log = pino({ level: config.logLevel, base: { app: 'api' } });
  const identity = options.identity ?? createIdentity(config.identity);
  const adapter = new FastifyAdapter({
    // An open stream of events would otherwise keep the process from ever stopping.
    forceCloseConnections: true,
    genReqId: requestIdOf,
    bodyLimit: BODY_LIMIT,
  });
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.register(config, identity, log), adapter, {
    logger: nestLog(log),
    abortOnError: false,
  });
  watchRequests(app.getHttpAdapter().getInstance(), app.get(Metrics), log);
  describeApi(app);
  await serveDocs(app, options.docsDir, log);
  const { dashboardDir: dir } = options;
  if (dir !== undefined) await serveDashboard(app, { dir, frameAncestors: config.frameAncestors }, log);

  const catalog = app.get(Catalog);
  const close = async (): Promise<void> => {
    await app.close();
    await catalog.close();
  };
  try {
    await app.listen(config.http.port, config.http.host);
    const url = (await app.getUrl()).replace(/\/$/, '');
    log.info({ url }, 'api listening');
    await catalog.open();
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the framework has to say, in our log and format. */
const nestLog = (log: Logger): LoggerService => ({
  log: (message: unknown) => log.debug({ nest: message }, 'framework'),
  warn: (message: unknown) => log.warn({ nest: message }, 'framework'),
  error: (message: unknown, ...more: unknown[]) => log.error({ nest: message, more }, 'framework'),
  fatal: (message: unknown) => log.fatal({ nest: message }, 'framework'),
});
