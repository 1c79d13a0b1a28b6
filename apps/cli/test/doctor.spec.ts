import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeHelper } from '../src/doctor/checks/apparmor.check.js';
import { judgeClock } from '../src/doctor/checks/clock.check.js';
import { instancesDirectory } from '../src/doctor/checks/directories.check.js';
import { hook, installHook, judgeHook } from '../src/doctor/checks/hook.check.js';
import { journals } from '../src/doctor/checks/journals.check.js';
import { judgeHost } from '../src/doctor/checks/nova.check.js';
import { judgeOwner, permissions } from '../src/doctor/checks/permissions.check.js';
import { judge, versionIn } from '../src/doctor/checks/qemu.check.js';
import { judgeRoles } from '../src/doctor/checks/service-user.check.js';
import { judgeUnits } from '../src/doctor/checks/unit-order.check.js';
import { parseEnvironmentFile } from '../src/doctor/env-file.js';
import type { HostSettings } from '../src/doctor/host-settings.js';
import { readEnvironment, settingsFrom } from '../src/doctor/host-settings.js';
import { runCli } from './run-cli.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-doctor-'));
});
afterEach(() => rm(folder, { recursive: true }));

const text = (of: string): unknown => expect.stringContaining(of);

const NONE: HostSettings = {
  process: 'worker',
  settingsFile: null,
  host: null,
  instancesDir: null,
  stateDir: null,
  hypervisor: null,
  libvirtUri: null,
  compute: null,
  keystone: null,
  amqpUrl: null,
  novaBroker: null,
  store: null,
  apiUrl: null,
};

describe('settings', () => {
  it('are read as systemd reads them', () => {
    const text = [
      '# a comment',
      '; another',
      '',
      'A=plain',
      '  B = spaced ',
      "C='quo#ted'",
      'D="with \\"quotes\\" and $dollar"',
      'E=pass#word;x',
      'not a setting',
      'F=',
    ].join('\r\n');
    expect(parseEnvironmentFile(text)).toEqual({
      A: 'plain',
      B: 'spaced',
      C: 'quo#ted',
      D: 'with "quotes" and $dollar',
      E: 'pass#word;x',
      F: '',
    });
  });

  it('come from the file, and the environment goes before it', async () => {
    const file = join(folder, 'worker.env');
    await writeFile(file, 'VARVE_INSTANCES_DIR=/from/file\nVARVE_HOST=h1\n');
    const { env, finding } = await readEnvironment(file, { VARVE_HOST: 'h2' });
    expect(finding.status).toBe('ok');
    expect(settingsFrom(env).settings).toMatchObject({ instancesDir: '/from/file', host: 'h2' });
  });

  it('that are missing or wrong are each named, with what to do', () => {
    const { settings, findings } = settingsFrom({
      VARVE_HOST: 'not a host!',
      VARVE_INSTANCES_DIR: 'relative',
      VARVE_AMQP_URL: 'http://x',
      VARVE_STORE: 's3',
      VARVE_S3_ENDPOINT: 'https://s3',
    });
    expect(settings).toEqual({
      ...NONE,
      stateDir: '/var/lib/varve',
      hypervisor: 'qmp',
      libvirtUri: 'qemu:///system',
      compute: 'standalone',
    });
    const told = findings.map(({ found }) => found).join('\n');
    for (const name of ['VARVE_HOST', 'VARVE_INSTANCES_DIR', 'VARVE_AMQP_URL'])
      expect(told).toContain(`${name} is not usable`);
    for (const name of ['VARVE_S3_BUCKET', 'VARVE_S3_ACCESS_KEY', 'VARVE_S3_SECRET_KEY']) {
      expect(told).toContain(`${name} is not set`);
    }
    expect(findings.every(({ status, advice }) => status === 'fail' && advice !== null)).toBe(true);
  });

  it('in a file that is not there are a failure where the file was named', async () => {
    const { code, out } = await runCli(['doctor', '--settings', join(folder, 'none'), '--json']);
    expect(code).toBe(1);
    const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: { status: string; found: string }[] };
    expect(ok).toBe(false);
    expect(findings[0]).toMatchObject({ status: 'fail', found: expect.stringContaining('ENOENT') as string });
  });
});

describe('QEMU', () => {
  it.each([
    ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)', [7, 2, 22]],
    ['qemu-img version 9.1.0 (qemu-9.1.0-1.fc41)', [9, 1, 0]],
    ['QEMU emulator version 10.0', [10, 0, 0]],
    ['something else', null],
  ])('%s', (text, version) => expect(versionIn(text)).toEqual(version));

  it.each([
    [[4, 2, 1], 'fail', 'extended L2'],
    [[5, 1, 99], 'fail', 'extended L2'],
    [[5, 2, 0], 'warn', 'block-stream'],
    [[7, 2, 22], 'warn', 'block-stream'],
    [[8, 2, 0], 'ok', ''],
    [[10, 0, 2], 'ok', ''],
    [null, 'warn', 'Make sure'],
  ] as const)('%j is %s', (version, status, advice) => {
    const finding = judge('qemu', '/usr/bin/qemu', version);
    expect(finding.status).toBe(status);
    expect(finding.advice ?? '').toContain(advice);
  });

  it('tools never stream', () => expect(judge('qemu-img', '/usr/bin/qemu-img', [7, 2, 0]).status).toBe('ok'));
});

describe('the clock', () => {
  const now = Date.parse('2026-11-22T12:00:00.400Z');
  const cut = (ms: number): number => Math.floor(ms / 1000) * 1000;
  it.each([
    [0, 'ok', 'agrees'],
    [500, 'ok', 'agrees'],
    [900, 'ok', 'behind'],
    [4_000, 'ok', 'behind'],
    [8_000, 'warn', 'behind'],
    [-8_000, 'warn', 'ahead of'],
    [120_000, 'fail', 'behind'],
    [-120_000, 'fail', 'ahead of'],
  ])('of the other %d ms off is %s', (off, status, word) => {
    const finding = judgeClock('the store', cut(now + off), now, now + 300);
    expect(finding.status).toBe(status);
    expect(finding.found).toContain(word);
  });
});

describe('directories', () => {
  const look = (instancesDir: string) => instancesDirectory.run({ ...NONE, instancesDir });

  it('are tried out, and nothing stays behind', async () => {
    const findings = await look(folder);
    expect(findings[0]).toMatchObject({ status: 'ok', check: 'instances directory' });
    expect(findings.map(({ check }) => check)).toEqual(expect.arrayContaining(['reflink', 'free space']));
    expect((await look(folder))[0]?.found).toContain(' 0 entries');
  });

  it('that are not there, or files, fail with advice', async () => {
    expect(await look(join(folder, 'none'))).toMatchObject([
      {
        status: 'fail',
        found: expect.stringContaining('ENOENT') as string,
        advice: 'Create it, or correct the setting.',
      },
    ]);
    await writeFile(join(folder, 'file'), '');
    expect(await look(join(folder, 'file'))).toMatchObject([{ status: 'fail' }]);
  });
});

describe('journals', () => {
  const instance = '11111111-1111-4111-8111-111111111111';
  const open = async (name: string, text: string, ageMs: number): Promise<void> => {
    const directory = join(folder, instance, '.varve/journals');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, name), text);
    const then = new Date(Date.now() - ageMs);
    await utimes(join(directory, name), then, then);
  };
  const head = `${JSON.stringify({ kind: 'open', procedure: 'snapshot-system-disk', operationId: 'op-1' })}\n`;

  it('that are closed, or none, are no work', async () => {
    await open('000000000001-op.closed.jsonl', head, 0);
    expect(await journals.run({ ...NONE, instancesDir: folder })).toMatchObject([{ status: 'ok' }]);
  });

  it('that are open and young are at work; old ones are told, with the step they are at', async () => {
    await open('000000000001-op.open.jsonl', head, 0);
    await open('000000000002-op.open.jsonl', `${head}{"kind":"begin","step":"upload layer"}\n{"cut sho`, 7_200_000);
    await open('000000000003-op.open.jsonl', 'rubbish', 7_200_000);
    expect(await journals.run({ ...NONE, instancesDir: folder })).toMatchObject([
      { status: 'ok', found: expect.stringContaining('at work') as string },
      {
        status: 'warn',
        found: expect.stringMatching(
          /snapshot-system-disk of instance 1{8}.*\(operation op-1\) is at "upload layer" for 2 h/,
        ) as string,
        advice: expect.stringContaining('never delete the journal') as string,
      },
      { status: 'warn', found: expect.stringContaining('something unreadable') as string },
    ]);
  });
});

describe('the service user', () => {
  it.each([
    ['worker', ['reader', 'Admin'], 'ok'],
    ['conductor', ['service'], 'warn'],
    ['api', ['service'], 'ok'],
    ['api', ['member'], 'warn'],
    ['worker', [], 'warn'],
  ] as const)('of the %s with the roles %j is %s', (process, roles, status) => {
    expect(judgeRoles(roles, { process }).status).toBe(status);
  });

  it('is asked of wherever Keystone is needed, and nowhere else', () => {
    const told = (env: Record<string, string>, process: 'worker' | 'conductor' | 'api'): string =>
      settingsFrom(env, { process })
        .findings.map(({ found }) => found)
        .join('\n');
    expect(told({ VARVE_COMPUTE: 'nova' }, 'worker')).toContain('VARVE_KEYSTONE_URL is not set');
    expect(told({ VARVE_IDENTITY: 'keystone' }, 'api')).toContain('VARVE_KEYSTONE_PASSWORD is not set');
    expect(told({ VARVE_IDENTITY: 'static' }, 'api')).toBe('');
    expect(told({}, 'conductor')).not.toContain('KEYSTONE');
  });
});

describe('Nova’s host', () => {
  const hosts = [
    { host: 'compute-1', status: 'enabled', state: 'up' },
    { host: 'compute-2', status: 'disabled', state: 'down' },
  ];
  it.each([
    ['compute-1', 'ok', null],
    ['compute-2', 'warn', 'Start it'],
    ['compute-1.example.org', 'fail', 'compute service list'],
  ])('%s is %s', (host, status, advice) => {
    const finding = judgeHost(hosts, host);
    expect(finding.status).toBe(status);
    expect(finding.advice ?? '').toContain(advice ?? '');
  });
});

describe('permissions', () => {
  it.each([
    [0, 64_060, 'ok'],
    [64_060, 64_060, 'warn'],
    [1_000, 64_060, 'fail'],
  ])('of user %d in a directory of user %d are %s', (me, owner, status) => {
    expect(judgeOwner(me, owner, '/var/lib/nova/instances').status).toBe(status);
  });

  it('of the settings are for their owner alone', async () => {
    const settingsFile = join(folder, 'worker.env');
    await writeFile(settingsFile, '', { mode: 0o640 });
    const look = async () => (await permissions.run({ ...NONE, settingsFile }))[0];
    expect(await look()).toMatchObject({ status: 'warn', advice: `chmod 0600 ${settingsFile}` });
    await chmod(settingsFile, 0o600);
    expect(await look()).toMatchObject({ status: 'ok' });
  });
});

describe('the order of units', () => {
  const packaged = new URL('../../../packaging/systemd/varve-worker.service', import.meta.url);
  const unitsOf = (root: string): string => join(root, 'usr/lib/systemd/system');
  const starter = (name: string, text = '[Unit]\n'): Promise<void> => writeFile(join(unitsOf(folder), name), text);
  beforeEach(async () => {
    await mkdir(unitsOf(folder), { recursive: true });
    await starter('libvirtd.service');
    await starter('nova-compute.service');
  });

  it('is right with the unit that we ship, once it is enabled', async () => {
    const enabled = join(folder, 'etc/systemd/system/multi-user.target.wants');
    await copyFile(packaged, join(unitsOf(folder), 'varve-worker.service'));
    expect(await judgeUnits(folder)).toMatchObject([
      { status: 'ok', found: 'before libvirtd.service, nova-compute.service' },
      { check: 'unit', status: 'warn', advice: text('enable --now') },
    ]);
    await mkdir(enabled, { recursive: true });
    await symlink('/usr/lib/systemd/system/varve-worker.service', join(enabled, 'varve-worker.service'));
    expect(await judgeUnits(folder)).toMatchObject([{ status: 'ok' }]);
  });

  it('is missed where the unit says nothing of it, or is not there', async () => {
    expect(await judgeUnits(folder)).toMatchObject([{ status: 'warn', advice: text('packaging/systemd') }]);
    await starter('varve-worker.service', '[Unit]\nBefore=libvirtd.service\n');
    expect((await judgeUnits(folder))[0]).toMatchObject({
      status: 'fail',
      found: text('settled their disks: nova-compute.service'),
      advice: text('Before=nova-compute.service'),
    });
    await mkdir(join(folder, 'etc/systemd/system/varve-worker.service.d'), { recursive: true });
    const dropIn = join(folder, 'etc/systemd/system/varve-worker.service.d/order.conf');
    await writeFile(dropIn, '[Unit]\nBefore=nova-compute.service\n');
    expect((await judgeUnits(folder))[0]).toMatchObject({ status: 'ok' });
    await writeFile(dropIn, '[Unit]\nBefore=\n');
    await starter('nova-compute.service', '[Unit]\nAfter=network.target varve-worker.service\n');
    expect((await judgeUnits(folder))[0]).toMatchObject({ status: 'fail', found: text('disks: libvirtd.service') });
  });
});

describe('AppArmor', () => {
  const instances = '/var/lib/nova/instances';
  /** The rules for disks of the profile that Debian ships. */
  const shipped = [
    '/var/lib/nova/instances/_base/* r,',
    '/**.img r,',
    '/**/disk{,.*} r,',
    '/{media,mnt,opt,srv}/** r,',
  ];
  const profile = (): string => join(folder, 'usr.lib.libvirt.virt-aa-helper');

  it('keeps libvirt’s helper from layers until a local rule lets it', async () => {
    await writeFile(profile(), `profile virt-aa-helper {\n  ${shipped.join('\n  ')}\n}\n`);
    const local = join(folder, 'local', 'usr.lib.libvirt.virt-aa-helper');
    expect(await judgeHelper(profile(), instances)).toMatchObject({ status: 'fail', advice: text(local) });
    expect(await judgeHelper(profile(), '/srv/instances')).toMatchObject({ status: 'ok' });

    await mkdir(join(folder, 'local'));
    await writeFile(local, '# ours\n/var/lib/nova/instances/*/layers/* r,\n');
    expect(await judgeHelper(profile(), instances)).toMatchObject({ status: 'fail' });
    await writeFile(local, '/var/lib/nova/instances/*/layers/** r,\n');
    expect(await judgeHelper(profile(), instances)).toMatchObject({ status: 'ok' });
  });

  it('confines no helper without a profile', async () => {
    expect(await judgeHelper(profile(), instances)).toMatchObject({ status: 'ok' });
  });
});

describe('the hook', () => {
  it('is missed where libvirt runs the instances, and nowhere else', async () => {
    expect(await hook.run({ ...NONE, hypervisor: 'qmp' })).toEqual([expect.objectContaining({ status: 'skip' })]);
    const path = join(folder, 'hooks', 'qemu.d', 'varve-guard');
    expect(await judgeHook(path)).toMatchObject({ status: 'fail', advice: expect.stringContaining('--install-hook') });
  });

  it('is right once it is installed, over whatever was there', async () => {
    const path = join(folder, 'hooks', 'qemu.d', 'varve-guard');
    await installHook(path);
    expect(await judgeHook(path)).toMatchObject({ status: 'ok' });
    await rm(path);
    await writeFile(path, '#!/bin/sh\n# of last year\n', { mode: 0o755 });
    expect(await judgeHook(path)).toMatchObject({ status: 'fail', found: expect.stringContaining('another version') });
    await installHook(path);
    expect(await judgeHook(path)).toMatchObject({ status: 'ok' });
  });
});
