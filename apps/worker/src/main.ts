import 'reflect-metadata';
import { createDiskFiles, withTrueNames } from '@varve/adapters';
import { isUuid } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { NestFactory } from '@nestjs/core';
import { pino } from 'pino';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { claimInstances } from './claim.js';
import { parseWorkerConfig } from './config.js';
import type { WorkerConfig } from './config.js';
import { FileJournals } from './file-journal.js';
import { Recovery } from './recovery.js';
import { WorkerModule } from './worker.module.js';

/** Runs until it is told to stop. */
async function serve(config: WorkerConfig): Promise<void> {
  const log = pino({ level: config.logLevel, base: { app: 'worker', host: config.host } });
  await claimInstances(config.instancesDir);
  const app = await NestFactory.createApplicationContext(WorkerModule.register(config, log), { logger: ['error'] });
  app.enableShutdownHooks();
}

/**
 * Settles the disks that a worker left in between, without a broker, a store or a QEMU, so that instances may be
 * started. Exit code 1: there is one that must not be.
 *
 * @param instance - this one alone; all of them without
 */
async function recover(config: WorkerConfig, instance: string | undefined): Promise<void> {
  const log = pino({ level: config.logLevel, base: { app: 'worker', host: config.host } });
  const { instancesDir, stateDir } = config;
  const files = createDiskFiles({ kind: 'qemu-img', instancesDir, stateDir });
  const recovery = new Recovery(files, new FileJournals(instancesDir), log);
  const { settled, failed } = await recovery.settleAll(instance === undefined ? undefined : instanceIdOf(instance));
  log.info({ settled, failed }, 'recovered');
  if (failed > 0) process.exitCode = 1;
}

/**
 * Reads a domain's description as libvirt has saved it with its memory, and writes it with the layers' true names: for
 * the hook. Writes nothing where nothing is to be changed.
 */
async function trueNames({ instancesDir }: WorkerConfig, instance: string): Promise<void> {
  const directory = join(instancesDir, instanceIdOf(instance));
  process.stdout.write((await withTrueNames(await text(process.stdin), directory)) ?? '');
}

function instanceIdOf(text: string): InstanceId {
  if (!isUuid(text)) throw new Error(`Not an instance: ${text}`);
  return text as InstanceId;
}

const [command = 'serve', instance] = process.argv.slice(2);
const config = parseWorkerConfig(process.env);
switch (command) {
  case 'serve':
    await serve(config);
    break;
  case 'recover':
    await recover(config, instance);
    break;
  case 'true-names':
    await trueNames(config, instance ?? '');
    break;
  default:
    process.stderr.write(`worker: unknown command ${command}; it is one of: serve, recover, true-names\n`);
    process.exitCode = 2;
}
