import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { HypervisorRefusedError, OutcomeUnknownError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { expectLive, runningInstance, write } from '@varve/ports/testing';
import { makeRealHost } from '../../hypervisor/testing/real-host.js';
import type { RealHost } from '../../hypervisor/testing/real-host.js';
import { pidFileOf } from './qemu-process.js';
import { StandaloneCompute } from './standalone-compute.js';

describe('starting and stopping in trouble', () => {
  let host: RealHost;
  let beforeStart: (instance: InstanceId) => Promise<void>;
  beforeAll(async () => {
    host = await makeRealHost({ beforeStart: (instance) => beforeStart(instance) });
  });
  beforeEach(() => {
    beforeStart = () => Promise.resolve();
  });
  afterAll(() => host.close());
  const directoryOf = (instance: InstanceId) => join(host.instancesDir, instance);

  it('hands on what QEMU said when it refused to start, and starts it when it is mended', async () => {
    const instance = await host.newInstance('drive');
    await host.editStart(instance, (start) => [...start, '-device', 'no-such-device']);
    const refusal = host.compute.start(instance);
    await expect(refusal).rejects.toBeInstanceOf(HypervisorRefusedError);
    await expect(refusal).rejects.toThrow(/no-such-device/);
    expect(await host.hypervisor.powerState(instance)).toBe('stopped');
    await host.editStart(instance, (start) => start);
    await host.compute.start(instance);
  });

  it('says so when there is no such program', async () => {
    const instance = await host.newInstance('drive');
    await host.editStart(instance, () => ['/no/such/qemu']);
    await expect(host.compute.start(instance)).rejects.toBeInstanceOf(HypervisorRefusedError);
  });

  it('has the disk mended before QEMU may open it, on every start', async () => {
    const instance = await host.newInstance('drive');
    const seen: string[] = [];
    beforeStart = async (id) => {
      seen.push(await host.hypervisor.powerState(id));
    };
    await host.compute.start(instance);
    await host.compute.stop(instance, 0);
    await host.compute.start(instance);
    expect(seen).toEqual(['stopped', 'stopped']);
  });

  it('does not start an instance whose disk could not be mended', async () => {
    const instance = await host.newInstance('drive');
    beforeStart = () => Promise.reject(new OutcomeUnknownError('not now'));
    await expect(host.compute.start(instance)).rejects.toBeInstanceOf(OutcomeUnknownError);
    expect(await host.hypervisor.powerState(instance)).toBe('stopped');
  });

  it('lets a guest run whose command starts it paused', async () => {
    const instance = await host.newInstance('drive');
    await host.editStart(instance, (start) => [...start, '-S']);
    await host.compute.start(instance);
    expect(await host.hypervisor.powerState(instance)).toBe('running');
  });

  it('starts one QEMU only when asked twice at the same moment', async () => {
    const instance = await host.newInstance('drive');
    await Promise.all([host.compute.start(instance), host.compute.start(instance)]);
    expect(await host.hypervisor.powerState(instance)).toBe('running');
  });

  it('cuts the power of a QEMU that hangs', async () => {
    const { instance, boot, written } = await runningInstance(host, 'drive');
    await write(host, instance, written, 9);
    process.kill(await host.pidOf(instance), 'SIGSTOP');
    const compute = new StandaloneCompute({ instancesDir: host.instancesDir, quitTimeoutMs: 3_000 });
    await compute.stop(instance, 0);
    expect(await host.hypervisor.powerState(instance)).toBe('stopped');
    expect(await host.diskFiles.isOpenForWriting(instance, boot)).toBe(false);
    await host.start(instance);
    await expectLive(host, instance, written);
  });

  it('never ends a process that only has the number of our QEMU', async () => {
    const { instance } = await runningInstance(host, 'drive');
    const pid = await host.pidOf(instance);
    const bystander = spawn('sleep', ['60']);
    const pidFile = pidFileOf(directoryOf(instance));
    await writeFile(pidFile, JSON.stringify({ pid: bystander.pid, startedAt: '1', bootId: 'b' }));
    process.kill(pid, 'SIGSTOP');
    try {
      const compute = new StandaloneCompute({ instancesDir: host.instancesDir, quitTimeoutMs: 300 });
      await expect(compute.stop(instance, 0)).rejects.toBeInstanceOf(OutcomeUnknownError);
      expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
    } finally {
      process.kill(pid, 'SIGCONT');
      bystander.kill('SIGKILL');
    }
    await host.compute.stop(instance, 0);
  });

  it('leaves QEMU running when the worker dies that started it', async () => {
    const instance = await host.newInstance('drive');
    const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
    const code = `
      import { StandaloneCompute } from ${JSON.stringify(here('./standalone-compute.ts'))};
      await new StandaloneCompute({ instancesDir: ${JSON.stringify(host.instancesDir)} }).start('${instance}');
      console.log('started');
      setInterval(() => {}, 1000);`;
    const hooks = here('../../hypervisor/testing/ts-hooks.mjs');
    const line = [
      '--experimental-transform-types',
      '--no-warnings',
      '--import',
      hooks,
      '--input-type=module',
      '-e',
      code,
    ];
    const worker = spawn(process.execPath, line, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => worker.stdout.once('data', resolve));
    const gone = new Promise((resolve) => worker.once('close', resolve));
    worker.kill('SIGKILL');
    await gone;
    expect(await host.hypervisor.powerState(instance)).toBe('running');
    await host.compute.stop(instance, 0);
    expect(await host.hypervisor.powerState(instance)).toBe('stopped');
  });
});
