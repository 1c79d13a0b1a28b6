import { describe, expect, it, vi } from 'vitest';
import { HypervisorRefusedError, InstanceRunningError, OutcomeUnknownError } from '@varve/core';
import type { ChainRecord } from '@varve/core';
import { Bench } from './testing/bench.js';
import type { BenchOptions } from './testing/bench.js';
import { atRest, failed, narrow } from './testing/scenarios.js';

const watched = async (making: Promise<Bench>): Promise<Bench> => {
  const bench = await making;
  bench.isHurried = false;
  return bench;
};
const running = (options: BenchOptions = {}): Promise<Bench> => watched(Bench.running(options));
const restarted = async (making: Promise<Bench>): Promise<Bench> => {
  const bench = await making;
  await bench.restart();
  return bench;
};

async function recordOf(bench: Bench): Promise<ChainRecord> {
  const record = await bench.host.diskFiles.readRecord(bench.instance);
  if (!record) throw new Error('No record');
  return record;
}
function qemuOf(bench: Bench): NonNullable<ReturnType<Bench['host']['qemu']>> {
  const qemu = bench.host.qemu(bench.instance);
  if (!qemu) throw new Error('No QEMU');
  return qemu;
}
const sealedEvent = (report: { announced: readonly { type: string; data: unknown }[] }): unknown =>
  report.announced.find(({ type }) => type === 'snapshot.sealed')?.data;

describe('a snapshot of a running instance', () => {
  it('is announced when it is sealed, and again when it is in the store', async () => {
    const bench = await running();
    const { announced, outcome } = await bench.snapshot();
    expect(announced.map(({ type }) => type)).toEqual(['snapshot.sealed', 'snapshot.available']);
    expect(sealedEvent({ announced })).toMatchObject({ stallMs: 1, consistency: 'crash', powerState: 'running' });
    expect(outcome).toMatchObject({ result: { state: 'succeeded', chainLength: 2, problem: null } });
  });

  it('stands for the last write into the sealed layer when nobody saw the switch', async () => {
    const at = (await (await running()).snapshot()).points.indexOf('switched');
    const bench = await running();
    let lastWrite = '';
    bench.onPoint = (point) => {
      const sealed = bench.host.lookUp(`${bench.host.instance(bench.instance).directory}/disk`);
      if (point === 'switched') lastWrite = new Date(Number((sealed?.mtimeNs ?? 0n) / 1_000_000n)).toISOString();
    };
    const { announced } = await bench.snapshot({ blow: { at, kind: 'kill worker' } });
    expect(sealedEvent({ announced })).toMatchObject({ sealedAt: lastWrite, stallMs: null });
  });

  it('uploads what was changed since the last one, and nothing twice', async () => {
    const bench = await running();
    bench.quiet(true);
    await bench.snapshot();
    for (const changes of [1, 0, 2]) {
      const before = bench.store.uploadedBytes;
      bench.writeSome(changes);
      await bench.snapshot();
      expect(bench.store.uploadedBytes - before).toBeLessThanOrEqual(changes * bench.host.blockBytes);
    }
  });

  it('leaves two layers at rest, three while the boot-time layer has to stay', async () => {
    const bench = await running();
    const lengths: number[] = [];
    for (let i = 0; i < 5; i++) {
      await bench.snapshot();
      lengths.push((await recordOf(bench)).files.length);
    }
    expect(lengths).toEqual([2, 3, 3, 3, 3]);
    await bench.restart();
    await bench.snapshot();
    expect((await recordOf(bench)).files).toHaveLength(2);
  });

  it.each([
    ['in-place', false, ['in-place', 'in-place']],
    ['copy', false, ['copy', 'copy']],
    ['auto', false, ['in-place', 'in-place']],
    ['auto', true, ['in-place', 'in-place']],
  ] as const)('merges %s, reflinks %s: %j', async (mergeStrategy, reflink, strategies) => {
    const bench = await restarted(watched(failed(1, { reflink, settings: { mergeStrategy } })));
    const { outcome } = await bench.snapshot();
    const merges = outcome.kind === 'finished' ? outcome.result.merges.map(({ strategy }) => strategy) : [];
    expect(merges).toEqual(strategies);
  });

  it.each([
    [false, []],
    [true, ['copy']],
  ] as const)(
    'replaces a boot-time layer by a copy only where that costs nothing: reflinks %s',
    async (reflink, wanted) => {
      const bench = await running({ reflink });
      await bench.snapshot();
      const { outcome } = await bench.snapshot();
      const merges = outcome.kind === 'finished' ? outcome.result.merges.map(({ strategy }) => strategy) : [];
      expect(merges).toEqual(wanted);
    },
  );

  it('does not touch a disk that somebody else works on', async () => {
    const bench = await running();
    await bench.host.startForeignJob(bench.instance);
    const { outcome, points } = await bench.snapshot();
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'disk_busy' } });
    expect(points).not.toContain('before switch');
  });

  it('fails at once when somebody else begins to work on the disk right before the switch', async () => {
    const bench = await watched(atRest());
    const before = await recordOf(bench);
    bench.onPoint = (point) => {
      if (point === 'before journal: begin "switch to overlay"') qemuOf(bench).foreignJob = 'a mirror';
    };
    const { outcome } = await bench.snapshot();
    expect(outcome).toMatchObject({ result: { state: 'failed', problem: { code: 'disk_busy' } } });
    expect(await recordOf(bench)).toEqual(before);
    [bench.onPoint, qemuOf(bench).foreignJob] = [null, null];
    expect((await bench.snapshot()).available).toBe(true);
  });

  it.each([
    ['somebody else works on the disk', (bench: Bench) => void (qemuOf(bench).foreignJob = 'a mirror')],
    [
      'QEMU does not do it',
      (bench: Bench) =>
        void vi.spyOn(bench.host.hypervisor, 'commit').mockRejectedValueOnce(new HypervisorRefusedError('I/O error')),
    ],
  ])('ends well with the merge left for the next one when %s', async (_, spoil) => {
    const bench = await watched(atRest());
    bench.onPoint = (point) => {
      if (point === 'after upload') spoil(bench);
    };
    const { available, outcome } = await bench.snapshot();
    expect(available).toBe(true);
    expect(outcome).toMatchObject({ result: { state: 'succeeded', chainLength: 3 } });
    [bench.onPoint, qemuOf(bench).foreignJob] = [null, null];
    expect((await bench.snapshot()).available).toBe(true);
    expect((await recordOf(bench)).files).toHaveLength(2);
  });

  it('believes a merge that QEMU has done and that is told to have been refused', async () => {
    const bench = await watched(atRest());
    const { hypervisor } = bench.host;
    const commit = hypervisor.commit.bind(hypervisor);
    vi.spyOn(hypervisor, 'commit').mockImplementationOnce(async (...merge) => {
      await commit(...merge);
      throw new HypervisorRefusedError('The merge ended without being done');
    });
    bench.isHurried = true;
    const { available, outcome } = await bench.snapshot();
    expect(available).toBe(true);
    expect(outcome).toMatchObject({ result: { state: 'succeeded', chainLength: 2 } });
    expect((await bench.snapshot()).available).toBe(true);
    expect((await recordOf(bench)).files).toHaveLength(2);
  });

  it('does not touch a chain that somebody else has changed', async () => {
    const bench = await watched(atRest());
    const { base } = bench.host;
    const astray = bench.host.newFileId();
    const { diskFiles } = bench.host;
    await bench.stop();
    await diskFiles.createLayer(bench.instance, astray, { kind: 'base', base }, 1);
    await diskFiles.pointDiskAt(bench.instance, astray);
    bench.isHurried = true;
    const { outcome, points } = await bench.snapshot();
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'chain_diverged', remedy: 'call-operator' } });
    expect(points.filter((point) => !point.includes('journal'))).toEqual([]);
  });

  it('is taken back when there is no space for a new layer', async () => {
    const bench = await running();
    await bench.snapshot();
    bench.host.capacityBytes = 0;
    const { outcome } = await bench.snapshot();
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'no_space' } });
    bench.host.capacityBytes = 2 ** 40;
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('leaves the chain one layer longer when there is no space for the merge, and mends it next time', async () => {
    const bench = await watched(atRest());
    bench.onPoint = (point) => {
      if (point === 'after upload') bench.host.capacityBytes = 0;
    };
    expect((await bench.snapshot()).available).toBe(true);
    expect((await recordOf(bench)).files).toHaveLength(3);
    bench.onPoint = null;
    bench.host.capacityBytes = 2 ** 40;
    expect((await bench.snapshot()).available).toBe(true);
    expect((await recordOf(bench)).files).toHaveLength(2);
  });

  it('is refused with the reason while the chain is full and nothing can be merged', async () => {
    const bench = await watched(atRest());
    bench.onPoint = (point) => {
      if (point === 'after upload') bench.host.capacityBytes = 0;
      if (point === 'before journal: begin "name files"') bench.host.capacityBytes = 2 ** 40;
      if (point === 'before journal: begin "make room before"') bench.host.capacityBytes = 0;
      if (point === 'before journal: begin "create overlay"') bench.host.capacityBytes = 2 ** 40;
    };
    await bench.snapshot();
    await bench.snapshot();
    const { outcome } = await bench.snapshot();
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'chain_full' } });
    bench.onPoint = null;
    bench.host.capacityBytes = 2 ** 40;
    expect((await bench.snapshot()).available).toBe(true);
  });
});

describe('a snapshot whose switch QEMU refuses', () => {
  const refuse = (bench: Bench): void => {
    vi.spyOn(bench.host.hypervisor, 'switchToOverlay').mockRejectedValueOnce(new HypervisorRefusedError('no'));
  };

  it('fails, and everything is as before', async () => {
    const bench = await watched(atRest());
    refuse(bench);
    const before = await recordOf(bench);
    const { outcome, announced } = await bench.snapshot();
    expect(outcome).toMatchObject({ result: { state: 'failed', problem: { code: 'hypervisor_refused' } } });
    expect(announced.map(({ type }) => type)).toEqual(['snapshot.failed']);
    expect(await recordOf(bench)).toEqual(before);
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('or says to have refused, because an earlier request was late, succeeds: the guest writes there by now', async () => {
    const bench = await watched(atRest());
    const { hypervisor } = bench.host;
    const request = hypervisor.switchToOverlay.bind(hypervisor);
    vi.spyOn(hypervisor, 'switchToOverlay')
      .mockRejectedValueOnce(new OutcomeUnknownError('libvirt does not answer'))
      .mockImplementationOnce(async (...asked) => {
        await request(...asked);
        await bench.host.startForeignJob(bench.instance);
        return request(...asked);
      });
    const { available } = await bench.snapshot();
    expect(available).toBe(true);
    bench.writeSome(3);
    qemuOf(bench).foreignJob = null;
    expect((await bench.snapshot()).available).toBe(true);
  });

  it.each(['power cut', 'power cut and boot'] as const)(
    'and that is struck after that by a %s, comes to its end',
    async (fate) => {
      const probe = await watched(atRest());
      refuse(probe);
      const { points } = await probe.snapshot();
      for (const [at, point] of points.entries()) {
        if (!/switch to overlay|discard overlay|remove layer/.test(point)) continue;
        const bench = await watched(atRest());
        refuse(bench);
        await bench.snapshot({ blow: { at, kind: 'kill worker' }, fate });
        vi.restoreAllMocks();
        await bench.start();
        expect((await bench.snapshot()).available, `struck ${point}`).toBe(true);
      }
    },
  );
});

describe('quiescing the guest', () => {
  it('is noted when the freeze held until after the switch', async () => {
    const bench = await running();
    expect(sealedEvent(await bench.snapshot({ quiesce: 'require' }))).toMatchObject({ consistency: 'filesystem' });
    expect(bench.host.qemu(bench.instance)?.frozen).toBe(false);
  });

  it('is not claimed when the freeze ended before', async () => {
    const bench = await running();
    bench.onPoint = (point) => {
      const qemu = bench.host.qemu(bench.instance);
      if (point === 'amid switch' && qemu) qemu.frozen = false;
    };
    expect(sealedEvent(await bench.snapshot({ quiesce: 'require' }))).toMatchObject({ consistency: 'crash' });
  });

  it('may be missed, or be required', async () => {
    const bench = await running();
    bench.host.setAgent(bench.instance, 'absent');
    expect(sealedEvent(await bench.snapshot({ quiesce: 'try' }))).toMatchObject({ consistency: 'crash' });
    const { outcome } = await bench.snapshot({ quiesce: 'require' });
    expect(outcome).toMatchObject({ result: { state: 'failed', problem: { code: 'quiesce_failed' } } });
  });

  it('leaves a paused instance paused', async () => {
    const bench = await running();
    await bench.pause();
    const { announced } = await bench.snapshot({ quiesce: 'try' });
    expect(sealedEvent({ announced })).toMatchObject({ consistency: 'crash', powerState: 'paused' });
    const { outcome } = await bench.snapshot({ quiesce: 'require' });
    expect(outcome).toMatchObject({ result: { problem: { code: 'quiesce_failed' } } });
    expect(bench.powerState()).toBe('paused');
  });

  it('never leaves the guest frozen, whatever the switch came to', async () => {
    const bench = await running();
    const switching = vi.spyOn(bench.host.hypervisor, 'switchToOverlay');
    switching.mockRejectedValueOnce(new HypervisorRefusedError('no'));
    await bench.snapshot({ quiesce: 'try' });
    expect(bench.host.qemu(bench.instance)?.frozen).toBe(false);
    switching.mockRejectedValueOnce(new OutcomeUnknownError('no answer'));
    expect((await bench.snapshot({ quiesce: 'try' })).available).toBe(true);
  });
});

describe('failed uploads', () => {
  it('are healed by the next snapshot, in one layer, however many there were', async () => {
    for (const times of [1, 2, 10]) {
      const bench = await watched(failed(times));
      const before = bench.stored.size;
      const { announced } = await bench.snapshot();
      expect(announced.find(({ type }) => type === 'snapshot.available')?.data).toMatchObject({ healed: true });
      expect(bench.stored.size).toBe(before + 1);
      expect((await recordOf(bench)).files.length).toBeLessThanOrEqual(3);
    }
  });

  it('never fill the chain, also where the boot-time layer has to stay', async () => {
    for (const canReplaceBacking of [true, false]) {
      const bench = await watched(narrow(0, { canReplaceBacking }));
      for (let i = 0; i < 5; i++) {
        await bench.snapshot({ storeDown: true });
        expect((await recordOf(bench)).files.length).toBeLessThan(4);
      }
      expect((await bench.snapshot()).available).toBe(true);
      expect((await recordOf(bench)).detached).toBeNull();
    }
  });

  it('may have arrived for all that: that does no harm', async () => {
    const bench = await watched(atRest());
    bench.onPoint = (point) => {
      bench.store.isDown ||= point === 'after upload';
    };
    const upload = vi.spyOn(bench.store, 'upload');
    upload.mockImplementationOnce(async (source, options) => {
      await bench.store.upload(source, options);
      throw new OutcomeUnknownError('The connection broke');
    });
    await bench.snapshot();
    bench.onPoint = null;
    expect((await bench.snapshot()).available).toBe(true);
  });
});

describe('a snapshot of a stopped instance', () => {
  const stopped = async (making: Promise<Bench>): Promise<Bench> => {
    const bench = await making;
    await bench.stop();
    return bench;
  };

  it('leaves the chain as it is, and so the next one of the running instance stands on the same layer', async () => {
    const bench = await stopped(watched(atRest()));
    const before = await recordOf(bench);
    const { announced } = await bench.snapshot();
    expect(await recordOf(bench)).toEqual(before);
    await bench.start();
    bench.writeSome();
    const next = await bench.snapshot();
    const available = [...announced, ...next.announced].filter(({ type }) => type === 'snapshot.available');
    const [forked, own] = available.map(({ data }) => (data as { layer: { backingUid: string } }).layer.backingUid);
    expect(own).toEqual(expect.any(String));
    expect(forked).toBe(own);
  });

  it('takes along what failed before', async () => {
    const bench = await stopped(watched(failed(2)));
    expect((await bench.snapshot()).available).toBe(true);
    await bench.start();
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('becomes one of a running instance when it is started meanwhile', async () => {
    const probe = await stopped(watched(atRest()));
    const { points } = await probe.snapshot();
    const copied = points.indexOf('after journal: done "copy active layer"');
    for (let at = 0; at < points.length; at++) {
      const bench = await stopped(watched(atRest()));
      const { announced } = await bench.snapshot({ blow: { at, kind: 'start instance' } });
      const wanted = at < copied - 1 ? 'running' : 'stopped';
      expect(sealedEvent({ announced }), `started ${points[at]}`).toMatchObject({ powerState: wanted });
      expect(bench.powerState()).toBe('running');
    }
  });

  it('is not said to be available and then taken back', async () => {
    const bench = await stopped(watched(atRest()));
    bench.onPoint = (point) => {
      if (point === 'after journal: announce') bench.cancel();
    };
    const { announced } = await bench.snapshot();
    expect(announced.at(-1)?.type).toBe('snapshot.sealed');
    bench.onPoint = (point) => {
      if (point === 'before journal: begin "clean up"') bench.cancel();
    };
    expect((await bench.snapshot()).available).toBe(true);
  });

  it('that fails does not pass its copy off for a layer of the chain when the instance has been started', async () => {
    const bench = await stopped(watched(narrow(1)));
    const probe = await stopped(watched(narrow(1)));
    const { points } = await probe.snapshot({ storeDown: true });
    const at = points.indexOf('before upload');
    await bench.snapshot({ storeDown: true, blow: { at, kind: 'start instance' } });
    bench.writeSome();
    expect((await bench.snapshot()).available).toBe(true);
  });
});

describe('cancelling a snapshot', () => {
  it('takes everything back before the switch, and has no effect after it', async () => {
    const probe = await watched(atRest());
    const { points } = await probe.snapshot();
    const noReturn = points.indexOf('after journal: no-return');
    for (const [at, point] of points.entries()) {
      const bench = await watched(atRest());
      let passed = 0;
      bench.onPoint = () => {
        if (passed++ === at) bench.cancel();
      };
      const { outcome, available } = await bench.snapshot();
      expect(available, `struck ${point}`).toBe(at >= noReturn - 1);
      const problem = outcome.kind === 'failed' ? outcome.problem.code : 'none';
      expect(problem).toBe(available ? 'none' : 'cancelled');
      bench.onPoint = null;
      expect((await bench.snapshot()).available).toBe(true);
    }
  });
});

describe('an instance that boots on a layer that was sealed already', () => {
  it('is left to an operator when both layers have been written to', async () => {
    const probe = await watched(atRest());
    const at = (await probe.snapshot()).points.indexOf('switched');
    const bench = await restarted(watched(atRest()));
    bench.isHurried = true;
    // The hook before the start was not asked.
    const snapshot = bench.snapshot({ blow: { at, kind: 'kill worker' }, fate: 'boot without hook' });
    await expect(snapshot).rejects.toMatchObject({ code: 'chain_diverged' });
  });
});

describe('a merge that QEMU ends when its procedure has given up', () => {
  /** QEMU begins the next merge, and whoever asked it hears this. */
  const giveUpMerge = (bench: Bench, why: Error): void => {
    vi.spyOn(bench.host.hypervisor, 'commit').mockImplementationOnce(async (_, from, into) => {
      const qemu = qemuOf(bench);
      const [, source, target] = qemu.chain;
      if (source && target) qemu.startCommit(source, target, from, into);
      throw why;
    });
  };

  it('is found by the next procedure', async () => {
    const bench = await watched(atRest());
    const { points } = await bench.snapshot();
    // Sealed and uploaded, but not merged: the chain is full.
    const at = points.indexOf('before upload');
    for (let i = 0; i < 2; i++) {
      await bench.snapshot({ blow: { at, kind: 'cut power' }, storeDown: i === 1 });
      await bench.start();
    }
    expect((await recordOf(bench)).files).toHaveLength(4);
    giveUpMerge(bench, new OutcomeUnknownError('The connection broke'));
    bench.isHurried = true;
    const { outcome } = await bench.snapshot();
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'outcome_unknown' } });
    const qemu = qemuOf(bench);
    if (!qemu.job) throw new Error('No merge was begun');
    qemu.finishJob(qemu.job);
    bench.isHurried = false;
    expect((await bench.snapshot()).available).toBe(true);
  });

  it.each(['nothing', 'power cut'] as const)('right before a switch is found after any death: %s', async (fate) => {
    const leftAtMerge = async (): Promise<Bench> => {
      const bench = await watched(atRest());
      giveUpMerge(bench, new HypervisorRefusedError('The merge ended without being done'));
      bench.isHurried = true;
      expect((await bench.snapshot()).available).toBe(true);
      bench.isHurried = false;
      bench.onPoint = (point) => {
        const job = point === 'before switch' ? qemuOf(bench).job : null;
        if (job) qemuOf(bench).finishJob(job);
      };
      return bench;
    };
    const { points } = await (await leftAtMerge()).snapshot();
    for (let at = points.indexOf('before switch') + 1; at < points.length; at++) {
      const bench = await leftAtMerge();
      await bench.snapshot({ blow: { at, kind: 'kill worker' }, fate });
      bench.onPoint = null;
      if (bench.powerState() === 'stopped') await bench.start();
      expect((await bench.snapshot()).available, `struck ${points[at]}`).toBe(true);
      expect((await recordOf(bench)).files, `struck ${points[at]}`).toHaveLength(2);
    }
  });
});

describe('a file system without space or files in use', () => {
  it('makes a failed upload of what is not an error of ours', async () => {
    const bench = await watched(failed(1));
    vi.spyOn(bench.host.diskFiles, 'extents').mockRejectedValueOnce(new InstanceRunningError(bench.instance));
    const { available } = await bench.snapshot();
    expect(typeof available).toBe('boolean');
    expect((await bench.snapshot()).available).toBe(true);
  });
});
