import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase, freshVhost } from '../../../testbed/services/shared.ts';
import { until } from '../../../testbed/services/until.ts';
import { buildCommand, VARVE } from '../../cli/test/built.js';
import { ControlPlane } from '../../conductor/test/kit/control-plane.js';
import { newInstance } from '../../conductor/test/kit/fake-worker.js';
import type { FakeWorker } from '../../conductor/test/kit/fake-worker.js';

// The documentation's programs that ask the API, as they are there; with Debian's bash, jq, curl and Ansible.

const PROGRAMS = resolve(import.meta.dirname, '../../../docs/programs');
const TOKEN = 'member-red';
const red = newInstance('red');

let plane: ControlPlane;
let worker: FakeWorker;
let home: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  await buildCommand();
  plane = await ControlPlane.start({ databaseUrl: await freshDatabase(), amqpUrl: await freshVhost() });
  worker = await plane.host('compute-1', [red]);
});
afterAll(() => plane?.stop());
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'varve-program-'));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map(ended));
  await rm(home, { recursive: true });
});

/** In a process group of its own, because `hook.sh` has children that would outlive it. */
function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(program, args, {
    cwd: home,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${dirname(VARVE)}:${process.env['PATH']}`,
      HOME: home,
      LANG: 'C.UTF-8',
      VARVE_URL: plane.apis[0]?.url,
      VARVE_TOKEN: TOKEN,
      ...env,
    },
  });
  running.push(child);
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'close');
  process.kill(-Number(child.pid), 'SIGKILL');
  await over;
}

/** A snapshot that the worker fails to store. */
async function failed(): Promise<string> {
  const { body } = await plane.call(TOKEN, 'POST', `/v1/instances/${red.id}/snapshots`, {});
  const id = String(body['operationId']);
  const job = await until('the job arrives', () => worker.jobFor(id));
  for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
  await plane.operation(TOKEN, id, 'failed');
  return id;
}

describe('hook.sh', () => {
  it('tells each failed operation once, also those of while it or the hook was away', async () => {
    const posts: { type: string | undefined; body: string; answer: number }[] = [];
    let answer = 503;
    const hook = createServer((request, response) => {
      let body = '';
      request.on('data', (bytes: Buffer) => (body += bytes.toString()));
      request.on('end', () => {
        posts.push({ type: request.headers['content-type'], body, answer });
        response.writeHead(answer).end();
      });
    });
    await once(hook.listen(0, '127.0.0.1'), 'listening');
    const run = (): ChildProcess =>
      start(join(PROGRAMS, 'hook.sh'), [], {
        HOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`,
        EVERY: '1',
      });
    const told = (): typeof posts => posts.filter((one) => one.answer === 200);
    const isTold = (id: string) => async () =>
      (await readFile(join(home, '.varve-told'), 'utf8')).split('\n').includes(id);
    try {
      const before = await failed();
      const first = run();
      await until('it has tried twice, in vain', () => posts.length >= 2);
      answer = 200;
      await until('it is told', isTold(before));
      const during = await failed();
      await until('the next one is told', isTold(during));
      expect(first.exitCode).toBeNull();
      await ended(first);
      const away = await failed();
      run();
      await until('what failed while it was away is told', isTold(away));
      expect(told()).toHaveLength(3);
      for (const { type, body } of told()) {
        expect(type).toBe('application/json');
        expect(JSON.parse(body)).toEqual({ text: 'snapshot of an instance failed: away (store_unavailable)' });
      }
    } finally {
      hook.closeAllConnections();
      hook.close();
    }
  });
});

describe('snapshot.yml', () => {
  const play = async (perform: (operationId: string) => Promise<unknown>) => {
    const child = start('/usr/bin/ansible-playbook', [join(PROGRAMS, 'snapshot.yml'), '-e', `instance=${red.id}`]);
    const over = once(child, 'close');
    const told = Promise.all([text(child.stdout), text(child.stderr)]);
    const known = new Set(worker.jobs.map(({ operationId }) => operationId));
    const job = await until(
      'it asks for a snapshot, or ends',
      () => child.exitCode !== null || worker.jobs.find(({ operationId }) => !known.has(operationId)),
    );
    if (job === true) throw new Error((await told).join(''));
    await perform(job.operationId);
    const [out] = await told;
    await over;
    return { code: child.exitCode, out };
  };

  it('goes on when the snapshot is stored, and says where one can go back to', async () => {
    const { code, out } = await play((id) => plane.perform(worker, id));
    expect([code, out]).toEqual([0, expect.stringContaining('failed=0')]);
    const { body } = await plane.call(TOKEN, 'GET', `/v1/instances/${red.id}/snapshots?limit=1`);
    expect(body.items).toMatchObject([{ name: 'before the play', status: 'available' }]);
    expect(out).toContain(`varve rollback ${red.id} --to ${String(body.items[0]?.['uid'])}`);
  });

  it('ends the play when there is no snapshot', async () => {
    const { code, out } = await play(async (id) => {
      const job = await until('the job is known', () => worker.jobFor(id));
      for (const event of worker.eventsOf(job, 'failed')) await worker.publish(event);
    });
    expect([code, out]).toEqual([2, expect.stringContaining('store_unavailable')]);
    expect(out).not.toContain('varve rollback');
  });
});
