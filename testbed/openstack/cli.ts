// `npm run testbed:openstack -- up | down [--purge] | status [--json]`: a small real OpenStack on this machine. As root.
//
// `up` leaves a holder process behind, which owns all services: they end when it ends. `down` keeps the data for the
// next `up`; `down --purge` leaves nothing but the packages. The state folder is VARVE_OPENSTACK_DIR.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join, resolve } from 'node:path';
import { commandLineOf, isSameProcess, startTimeOf } from '../services/process-table.ts';
import { until } from '../services/until.ts';
import { DEFAULT_STATE_DIR, readCloudFile } from './cloud-file.ts';
import { endGuestsByForce, removeHook } from './libvirt.ts';
import { startOpenStack, type OpenStack } from './openstack.ts';

const [command = 'status', ...flags] = process.argv.slice(2);
const dir = resolve(DEFAULT_STATE_DIR);
const at = (name: string): string => join(dir, name);

/** The holder of this folder, when it lives. */
function holder(): number | null {
  if (!existsSync(at('owner.json'))) return null;
  const { pid, startTime } = JSON.parse(readFileSync(at('owner.json'), 'utf8')) as { pid: number; startTime: string };
  return isSameProcess(pid, startTime) && commandLineOf(pid).includes('openstack/cli.ts hold') ? pid : null;
}

async function hold(): Promise<void> {
  writeFileSync(at('owner.json'), JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) }));
  const began = Date.now();
  const tell = (what: string): void =>
    appendFileSync(at('progress'), `[${Math.round((Date.now() - began) / 1000)} s] ${what}\n`);
  const cloud = await startOpenStack(dir, tell);
  rmSync(at('control.sock'), { force: true });
  const server = await serveControl(cloud, at('control.sock'));
  const stop = (): void => {
    server.close();
    rmSync(at('openstack.json'), { force: true });
    void cloud.stop({ forget: existsSync(at('purge')) }).then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  tell('ready');
}

/** `POST /<service>/<what to do>`, for tests that take a service away. */
function serveControl(cloud: OpenStack, socket: string): Promise<Server> {
  const act = async (path: string): Promise<void> => {
    const [, name = '', action = ''] = path.split('/');
    const service = cloud.service(name);
    if (!service) throw new Error(`no such service: ${name}`);
    if (action === 'stop' || action === 'start' || action === 'kill') await service[action]();
    else if (action === 'suspend' || action === 'resume') service[action]();
    else throw new Error(`no such action: ${action}`);
  };
  const server = createServer((request, response) => {
    act(request.url ?? '').then(
      () => response.end(),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(String(error));
      },
    );
  });
  return new Promise((done, reject) => {
    server.once('error', reject);
    server.listen(socket, () => done(server));
  });
}

async function up(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('libvirt and the services of OpenStack need root');
  if (holder() === null) {
    mkdirSync(dir, { recursive: true });
    for (const name of ['openstack.json', 'purge', 'progress']) rmSync(at(name), { force: true });
    const log = openSync(at('holder.log'), 'w');
    const child = spawn(process.execPath, [import.meta.filename, 'hold'], {
      detached: true,
      cwd: '/',
      stdio: ['ignore', log, log],
      env: { ...process.env, VARVE_OPENSTACK_DIR: dir },
    });
    let told = 0;
    const progress = (): boolean => {
      const text = existsSync(at('progress')) ? readFileSync(at('progress'), 'utf8') : '';
      process.stderr.write(text.slice(told));
      told = text.length;
      return text.endsWith('] ready\n');
    };
    const end = await until('the cloud answers', () => progress() || (child.exitCode !== null && 'failed'), {
      deadlineMs: 900_000,
      everyMs: 200,
    });
    if (end === 'failed') throw new Error(readFileSync(at('holder.log'), 'utf8'));
    child.unref();
  }
  status();
}

async function down(): Promise<void> {
  const purge = flags.includes('--purge');
  const pid = holder();
  if (pid !== null) {
    if (purge) writeFileSync(at('purge'), '');
    process.kill(pid, 'SIGTERM');
    await until('the cloud has stopped', () => holder() === null, { deadlineMs: 120_000, everyMs: 200 });
  } else if (existsSync(at('nova/instances'))) {
    await endGuestsByForce(at('nova/instances'));
    removeHook();
  }
  if (purge) rmSync(dir, { recursive: true, force: true });
}

function status(): void {
  const pid = holder();
  if (pid === null) console.log(`no cloud runs in ${dir}`);
  else if (!existsSync(at('openstack.json'))) console.log(`process ${pid} is bringing the cloud in ${dir} up`);
  else if (flags.includes('--json')) console.log(readFileSync(at('openstack.json'), 'utf8'));
  else {
    const { authUrl, endpoints, instancesDir } = readCloudFile(dir);
    console.log(`the cloud in ${dir} is run by process ${pid}`);
    console.log(
      `Keystone ${authUrl}, Nova ${endpoints.nova}, Glance ${endpoints.glance}; instances in ${instancesDir}`,
    );
    console.log(`everything else, passwords too: ${at('openstack.json')}`);
  }
}

if (command === 'up') await up();
else if (command === 'down') await down();
else if (command === 'hold') await hold();
else if (command === 'status') status();
else throw new Error(`testbed:openstack up | down [--purge] | status [--json], not ${command}`);
