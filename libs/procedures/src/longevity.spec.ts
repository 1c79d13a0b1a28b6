import { describe, expect, it } from 'vitest';
import type { Outcome } from './engine/run.js';
import { Bench } from './testing/bench.js';
import type { BenchOptions, Blow, Fate } from './testing/bench.js';
import { seededRandom } from './testing/seeded-random.js';

const FATES: readonly Fate[] = ['nothing', 'QEMU goes on', 'power cut', 'power cut and boot', 'store away'];
const OPERATIONS = 40;

const pick = <T>(random: (below: number) => number, from: readonly T[]): T => from[random(from.length)] as T;

/** Nothing, or up to three deaths of the worker or QEMU, the later ones while it recovers from the earlier. */
function misfortune(random: (below: number) => number, mayStart: boolean): { blow: Blow[]; fate: Fate } {
  const blow: Blow[] = [];
  if (random(2) === 0) {
    const kinds: readonly Blow['kind'][] = ['kill worker', 'kill worker', 'kill worker', 'cut power'];
    for (let i = 0; i <= random(3); i++) blow.push({ at: random(i === 0 ? 150 : 40), kind: pick(random, kinds) });
  } else if (mayStart && random(3) === 0) {
    blow.push({ at: random(40), kind: 'start instance' });
  }
  return { blow, fate: pick(random, FATES) };
}

/** Nothing fails without a reason, and nothing for a reason that is there to stay. */
function mayHaveFailed(outcome: Outcome<unknown>, blow: readonly Blow[]): void {
  if (outcome.kind === 'finished') return;
  if (blow.length === 0 || outcome.problem.remedy !== 'retry') throw new Error(outcome.problem.message);
}

async function live(seed: number, operations: number): Promise<Record<string, number>> {
  const random = seededRandom(seed);
  const options: BenchOptions = {
    seed,
    reflink: random(2) === 0,
    canReplaceBacking: random(4) !== 0,
    settings: { mergeStrategy: pick(random, ['auto', 'copy', 'in-place'] as const) },
  };
  const bench = await Bench.running(options);
  bench.isHurried = false;
  const done: Record<string, number> = {};
  const story: string[] = [JSON.stringify(options)];
  const did = (what: string): void => {
    done[what] = (done[what] ?? 0) + 1;
    story.push(what);
  };

  try {
    for (let i = 0; i < operations; i++) {
      const power = bench.powerState();
      const struck = misfortune(random, power === 'stopped');
      const told = `${JSON.stringify(struck)} ${power}`;
      const what = random(20);
      if (what < 9) {
        const storeDown = random(3) === 0;
        story.push(`snapshot ${storeDown ? 'down ' : ''}${told}`);
        const { available } = await bench.snapshot({ ...struck, storeDown, quiesce: pick(random, ['none', 'try']) });
        did(available ? 'snapshot' : 'failed snapshot');
      } else if (what < 11 && bench.pointUids.length > 0) {
        story.push(`rollback ${told}`);
        const { outcome } = await bench.rollback(pick(random, bench.pointUids), struck);
        mayHaveFailed(outcome, struck.blow);
        did(`${outcome.kind} rollback`);
      } else if (what < 12 && bench.aside) {
        story.push(`undo ${told}`);
        const { outcome } = await bench.undo(bench.aside.operationId, struck);
        mayHaveFailed(outcome, struck.blow);
        did(`${outcome.kind} undo`);
      } else if (what < 14) {
        await (power === 'stopped' ? bench.start() : bench.restart());
        did('restart');
      } else if (what === 14) {
        await bench.stop();
        did('stop');
      } else if (what === 15 && power === 'running') {
        await bench.pause();
        did('pause');
      } else if (what === 16 && power !== 'paused') {
        story.push(`settle ${told}`);
        const { outcome } = await bench.settle(struck);
        mayHaveFailed(outcome, struck.blow);
        did(`${outcome.kind} settle`);
      } else if (what > 16) {
        if (power !== 'running') await bench.start();
        bench.writeSome(4);
        did('write');
      }
      await bench.audit();
    }
    // Whatever it has been through, an ordinary life is possible.
    await bench.restart();
    for (let i = 0; i < 3; i++) expect((await bench.snapshot()).available).toBe(true);
  } catch (error) {
    throw new Error(`seed ${seed}:\n  ${story.join('\n  ')}`, { cause: error });
  }
  return done;
}

describe('a long life', () => {
  const firstSeed = Number(process.env['VARVE_LONGEVITY_FIRST_SEED'] ?? 1);
  const seeds = Number(process.env['VARVE_LONGEVITY_SEEDS'] ?? 80);

  it(
    'of snapshots, failures, rollbacks and deaths loses no write and no restore point',
    { timeout: 600_000 },
    async () => {
      const total: Record<string, number> = {};
      for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
        for (const [what, times] of Object.entries(await live(seed, OPERATIONS))) {
          total[what] = (total[what] ?? 0) + times;
        }
      }
      expect(total).toMatchObject({
        snapshot: expect.any(Number),
        'failed snapshot': expect.any(Number),
        'finished rollback': expect.any(Number),
        'finished settle': expect.any(Number),
        'failed rollback': expect.any(Number),
        'finished undo': expect.any(Number),
      });
    },
  );
});
