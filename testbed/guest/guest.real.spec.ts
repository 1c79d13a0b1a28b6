import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, fsyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ProvingGuest } from './guest.ts';

const home = mkdtempSync('/var/tmp/varve-guest-');
afterAll(() => rmSync(home, { recursive: true }));

describe.each(['drive', 'blockdev'] as const)('a proving guest whose disk is given by -%s', (blockStyle) => {
  let guest: ProvingGuest;
  beforeAll(async () => {
    guest = await ProvingGuest.create({ instances: join(home, blockStyle), blockStyle });
  });
  afterEach(() => guest.dispose());

  it('reads itself under load, survives a kill -9, and goes back only when that was announced', async () => {
    await guest.boot();
    await guest.load({ span: 8000 });
    expect(await guest.verify()).toMatchObject({ damaged: 0, wrong: 0 });
    await guest.kill9();
    expect(await guest.check()).toMatchObject({ good: true });

    await guest.boot();
    const kept = await guest.write(200);
    await guest.powerOff();
    const saved = join(home, `${blockStyle}.saved`);
    copyFileSync(guest.files.disk, saved);

    await guest.boot();
    await guest.write(200, { flushEvery: 20 });
    await guest.powerOff();
    copyFileSync(saved, guest.files.disk);
    guest.announceRollback({ acked: kept.op, upto: kept.op });
    // As the product does it: from the command in instance.json, by somebody else.
    const { start } = JSON.parse(readFileSync(join(guest.files.dir, 'instance.json'), 'utf8')) as {
      start: [string, ...string[]];
    };
    spawn(start[0], start.slice(1), { stdio: 'ignore', detached: true }).unref();
    await guest.waitReady();
    const restored = await guest.state();
    expect(restored).toMatchObject({ good: true, op: kept.op, sum: await guest.expectedSum(kept.op) });

    const after = await guest.write(100);
    await guest.powerOff();
    expect(await guest.check()).toMatchObject({ good: true, op: after.op });
    copyFileSync(saved, guest.files.disk);
    await guest.boot();
    const lost = await guest.state(); // the branch after the rollback, gone without a word
    expect(lost.good).toBe(false);
    expect(lost.text).toContain('lacks_flushed');
  });
});

it('a running guest sees at once that a block beneath it has changed', async () => {
  const guest = await ProvingGuest.create({ instances: join(home, 'beneath/instances'), areaBlocks: 8192 });
  await guest.boot();
  const base = readFileSync(guest.files.base);
  const block = Array.from({ length: 8192 }, (_, number) => number).find(
    (number) => base.readUInt32LE(number * 4096) > 0,
  );
  const at = Number(block) * 4096;
  const put = (bytes: Buffer): void => {
    const fd = openSync(guest.files.base, 'r+');
    writeSync(fd, bytes, 0, bytes.length, at);
    fsyncSync(fd);
    closeSync(fd);
  };
  expect(await guest.verify()).toMatchObject({ damaged: 0, wrong: 0 });
  put(Buffer.alloc(4096));
  expect(await guest.verify()).toMatchObject({ damaged: 0, wrong: 1 });
  put(base.subarray(at, at + 2048));
  expect(await guest.verify()).toMatchObject({ damaged: 1, wrong: 0 });
  put(base.subarray(at, at + 4096));
  expect(await guest.verify()).toMatchObject({ damaged: 0, wrong: 0 });
  await guest.dispose();
});

it('the guest has a file system to freeze, an agent, and a power button', async () => {
  const guest = await ProvingGuest.create({ instances: join(home, 'agent') });
  await guest.boot();
  expect(
    await guest.shell('/sbin/mke2fs -q -t ext4 /dev/vda1 && mount -t ext4 /dev/vda1 /mnt && echo yes > /mnt/file'),
  ).toMatchObject({ status: 0 });
  expect(await guest.shell('pidof qemu-ga')).toMatchObject({ status: 0 });
  expect(await guest.qmp('query-status')).toMatchObject({ running: true });
  await guest.qmp('system_powerdown');
  await guest.waitGone();
  await guest.boot();
  expect(await guest.shell('mount -t ext4 /dev/vda1 /mnt; cat /mnt/file')).toMatchObject({ output: 'yes' });
  await guest.dispose();
});
