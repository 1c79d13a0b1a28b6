import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgeClock } from '../src/doctor/checks/clock.check.js';
import { instancesDirectory } from '../src/doctor/checks/directories.check.js';
import { hook, installHook, judgeHook } from '../src/doctor/checks/hook.check.js';
import { journals } from '../src/doctor/checks/journals.check.js';
import { judge, versionIn } from '../src/doctor/checks/qemu.check.js';
import { parseEnvironmentFile } from '../src/doctor/env-file.js';
import type { HostSettings } from '../src/doctor/host-settings.js';
import { readEnvironment, settingsFrom } from '../src/doctor/host-settings.js';
import { runCli } from './run-cli.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-doctor-'));
});
afterEach(() => rm(folder, { recursive: true }));

const NONE: HostSettings = {
  host: null,
  instancesDir: null,
  stateDir: null,
  hypervisor: null,
  amqpUrl: null,
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
    const [env, source] = await readEnvironment(file, { VARVE_HOST: 'h2' });
    expect(source.status).toBe('ok');
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
    expect(settings).toEqual({ ...NONE, stateDir: '/var/lib/varve', hypervisor: 'qmp' });
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
