import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { JOBS_EXCHANGE } from '@varve/contracts';
import { connect } from 'amqplib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RealHost } from '../../../libs/adapters/src/hypervisor/testing/real-host.js';
import { makeRealHost } from '../../../libs/adapters/src/hypervisor/testing/real-host.js';
import { freshBucket, freshVhost } from '../../../testbed/services/shared.ts';
import type { Finding } from '../src/doctor/finding.js';
import type { Environment } from '../src/settings.js';
import { runCli } from './run-cli.js';

// A host with real QEMU processes, a real broker and a real S3 server.

let host: RealHost;
let env: Record<string, string>;
beforeAll(async () => {
  const [amqpUrl, s3] = await Promise.all([freshVhost(), freshBucket()]);
  host = await makeRealHost();
  env = {
    VARVE_HOST: 'host-1',
    VARVE_INSTANCES_DIR: host.instancesDir,
    VARVE_STATE_DIR: join(dirname(host.instancesDir), 'state'),
    VARVE_AMQP_URL: amqpUrl,
    VARVE_STORE: 's3',
    VARVE_S3_ENDPOINT: `http://${s3.endPoint}:${s3.port}`,
    VARVE_S3_REGION: s3.region,
    VARVE_S3_BUCKET: s3.bucket,
    VARVE_S3_ACCESS_KEY: s3.accessKey,
    VARVE_S3_SECRET_KEY: s3.secretKey,
  };
});
afterAll(() => host?.close());

async function doctor(change: Environment = {}): Promise<{ code: number; of: (check: string) => Finding[] }> {
  const { code, out } = await runCli(['doctor', '--json'], { PATH: process.env['PATH'], ...env, ...change });
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  return { code, of: (check) => findings.filter((finding) => finding.check === check) };
}

describe('a host where all is well', () => {
  it('is found so', async () => {
    const [running, stopped] = [await host.newInstance('blockdev'), await host.newInstance('drive')];
    await host.start(running);
    const { code, of } = await doctor();
    const failed = ['settings', 'qemu', 'qemu-img', 'locks', 'broker', 'object store', 'clock'].flatMap(of);
    expect(failed.filter(({ status }) => status === 'fail' || status === 'skip')).toEqual([]);
    const told = of('instance a test').map(({ status, found }) => `${status} ${found}`);
    expect(new Set(told)).toEqual(
      new Set([`ok running, 1 own layers (${running})`, `ok stopped, 1 own layers (${stopped})`]),
    );
    expect(of('clock')[0]?.found).toContain('agrees with the object store’s');
    expect(of('broker')[0]?.found).toMatch(/^logged in at 127\.0\.0\.1:\d+, RabbitMQ 3\./);
    expect(of('queues')[0]).toMatchObject({ status: 'warn', found: expect.stringContaining(JOBS_EXCHANGE) as string });
    expect(code).toBe(0);
  });

  it('has its queues once conductor and worker have run', async () => {
    const connection = await connect(env['VARVE_AMQP_URL'] ?? '');
    const channel = await connection.createChannel();
    await channel.assertExchange('varve.jobs', 'direct', { durable: true });
    await channel.assertExchange('varve.events', 'topic', { durable: true });
    await channel.assertQueue('varve.jobs.host-1', { durable: true });
    await connection.close();
    expect((await doctor()).of('queues')).toMatchObject([{ status: 'ok' }]);
  });
});

describe('a host where something is wrong', () => {
  const wrong = (url: string, change: (url: URL) => void): string => {
    const changed = new URL(url);
    change(changed);
    return changed.href;
  };

  it.each([
    ['a password', (url: URL) => (url.password = 'wrong'), 'check user, password'],
    ['a virtual host', (url: URL) => (url.pathname = '/nowhere'), 'check user, password'],
    ['a port', (url: URL) => (url.port = '1'), 'Nothing listens there'],
    ['a name', (url: URL) => (url.hostname = 'nowhere.invalid'), 'name is not known here'],
  ])('tells that %s of the broker is', async (_, change, advice) => {
    const { code, of } = await doctor({
      VARVE_AMQP_URL: wrong(env['VARVE_AMQP_URL'] ?? '', (url) => void change(url)),
    });
    expect(of('broker')).toMatchObject([{ status: 'fail', advice: expect.stringContaining(advice) as string }]);
    expect(JSON.stringify(of('broker'))).not.toContain(new URL(env['VARVE_AMQP_URL'] ?? '').password);
    expect(code).toBe(1);
  });

  it.each([
    ['the bucket', { VARVE_S3_BUCKET: 'not-there' }, 'does not take us'],
    ['the secret', { VARVE_S3_SECRET_KEY: 'wrong' }, 'does not take us'],
    ['the endpoint', { VARVE_S3_ENDPOINT: 'http://127.0.0.1:1' }, 'away or too slow'],
  ])('tells that %s of the store is', async (_, change, advice) => {
    const { code, of } = await doctor(change);
    expect(of('object store')).toMatchObject([{ status: 'fail', advice: expect.stringContaining(advice) as string }]);
    expect(code).toBe(1);
  });

  it('tells which instance can not be done, and why', async () => {
    const [raw, silent, nonsense] = await Promise.all([
      host.newInstance('drive'),
      host.newInstance('drive'),
      host.newInstance('drive'),
    ]);
    const directory = (id: string): string => join(host.instancesDir, id);
    await promisify(execFile)('qemu-img', ['create', '-q', '-f', 'raw', join(directory(raw), 'disk'), '1M']);
    await writeFile(join(directory(nonsense), 'instance.json'), '{');
    // Locks that don't show: as from within another PID namespace.
    await host.editStart(silent, (start) =>
      start.map((word) => word.replace(/file=([^,]+)/, 'file.locking=off,file=$1')),
    );
    await host.start(silent);

    const { code, of } = await doctor();
    const told = of('instance a test');
    expect(told.find(({ found }) => found.includes(raw))).toMatchObject({
      status: 'warn',
      advice: expect.stringContaining('No snapshots of this one') as string,
    });
    expect(told.find(({ found }) => found.includes(silent))).toMatchObject({
      status: 'fail',
      advice: expect.stringContaining('PID namespace') as string,
    });
    expect(of(`instance ${nonsense}`)).toMatchObject([
      { status: 'fail', advice: expect.stringContaining('instance.json') as string },
    ]);
    expect(code).toBe(1);
    await host.editStart(nonsense, (start) => start); // writes it anew
  });

  it('says what to do about a full set of missing things, and looks at the rest', async () => {
    await mkdir(join(dirname(host.instancesDir), 'elsewhere'), { recursive: true });
    const { code, of } = await doctor({ VARVE_INSTANCES_DIR: '/nonexistent', VARVE_AMQP_URL: '' });
    expect(of('instances directory')).toMatchObject([{ status: 'fail' }]);
    expect(of('broker')).toMatchObject([{ status: 'skip' }]);
    expect(of('object store')).toMatchObject([{ status: 'ok' }]);
    expect(code).toBe(1);
  });
});
