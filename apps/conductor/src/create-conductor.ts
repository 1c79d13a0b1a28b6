import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createObjectStore } from '@varve/adapters';
import { Catalog } from '@varve/catalog';
import { ZstdLayerStore } from '@varve/layer-store';
import { connectBroker } from '@varve/messaging';
import type { LayerStore } from '@varve/ports';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { ConductorModule } from './conductor.module.js';
import type { ConductorConfig } from './config.js';

export interface Conductor {
  /** For probes and metrics; without a slash at the end. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the conductor. Resolves when the database is there, for which it waits as long as it takes; the broker may come
 * later.
 *
 * @param options.store - instead of the configured one
 * @throws when the port is taken or the database refuses us
 */
export async function createConductor(
  config: ConductorConfig,
  options: { store?: Pick<LayerStore, 'delete'> } = {},
): Promise<Conductor> {
  const log = pino({ level: config.logLevel, base: { app: 'conductor' } });
  const broker = await connectBroker(config.amqpUrl, log);
  const store = options.store ?? new ZstdLayerStore(createObjectStore(config.store));
  const app = await NestFactory.create<NestFastifyApplication>(
    ConductorModule.register(config, broker, store, log),
    new FastifyAdapter({ forceCloseConnections: true }),
    { logger: nestLog(log), abortOnError: false },
  );
  const catalog = app.get(Catalog);
  const close = async (): Promise<void> => {
    await app.close();
    await broker.close();
    await catalog.close();
  };
  try {
    await app.listen(config.http.port, config.http.host);
    const url = (await app.getUrl()).replace(/\/$/, '');
    log.info({ url }, 'conductor listening');
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
