// `npm run services -- up|down|status [STATE_DIR]`: the embedded services in the background, for work by hand.
//
// `up` leaves a holder process behind, which owns the services: they end when it ends.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { commandLineOf, isSameProcess } from './process-table.ts';
import { startServices } from './services.ts';
import { until } from './until.ts';

const [command = 'status', folder = '/var/tmp/varve-services'] = process.argv.slice(2);
const dir = resolve(folder);

/** The holder of this folder, when it lives. */
function holder(): number | null {
  const file = join(dir, 'owner.json');
  if (!existsSync(file)) return null;
  const { pid, startTime } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number; startTime: string };
  return isSameProcess(pid, startTime) ? pid : null;
}

async function hold(): Promise<void> {
  const services = await startServices({ stateDir: dir });
  const { postgresUrl, amqpUrl, s3 } = services;
  writeFileSync(join(dir, 'services.json'), JSON.stringify({ postgresUrl, amqpUrl, s3 }, null, 2));
  const stop = (): void => void services.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  setInterval(() => undefined, 60_000); // nothing else keeps this process alive
}

async function up(): Promise<void> {
  if (holder() === null) {
    mkdirSync(dir, { recursive: true });
    const logFile = join(dir, 'holder.log');
    const log = openSync(logFile, 'w');
    const child = spawn(process.execPath, [import.meta.filename, 'hold', dir], {
      detached: true,
      stdio: ['ignore', log, log],
    });
    writeFileSync(join(dir, 'services.json'), '');
    const ready = await until(
      'the services answer',
      () => readFileSync(join(dir, 'services.json'), 'utf8') !== '' || (child.exitCode !== null && 'failed'),
      { deadlineMs: 120_000 },
    );
    if (ready === 'failed') throw new Error(readFileSync(logFile, 'utf8'));
    child.unref();
  }
  status();
}

async function down(): Promise<void> {
  const pid = holder();
  if (pid === null) return;
  if (!commandLineOf(pid).includes(`hold ${dir}`)) throw new Error(`${dir} is run by ${pid}: ${commandLineOf(pid)}`);
  process.kill(pid, 'SIGTERM');
  await until('the services have stopped', () => holder() === null);
}

function status(): void {
  const pid = holder();
  const urls = join(dir, 'services.json');
  if (pid === null) console.log(`the services in ${dir} are stopped`);
  else
    console.log(
      `the services in ${dir} are run by process ${pid}\n${existsSync(urls) ? readFileSync(urls, 'utf8') : ''}`,
    );
}

if (command === 'up') await up();
else if (command === 'down') await down();
else if (command === 'hold') await hold();
else if (command === 'status') status();
else throw new Error(`services up|down|status [STATE_DIR], not ${command}`);
