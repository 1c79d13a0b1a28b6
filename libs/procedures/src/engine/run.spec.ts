import { describe, expect, it, vi } from 'vitest';
import { HypervisorRefusedError, StoreUnavailableError } from '@varve/core';
import { journalHead, MemoryJournal } from '../testing/memory-journal.js';
import { InterruptedError, JournalUnwritableError, runProcedure } from './run.js';
import type { Outcome, Run, RunOptions } from './run.js';
import { repeatable } from './step.js';
import type { Step } from './step.js';

const newJournal = (reached?: (point: string) => void): MemoryJournal =>
  new MemoryJournal(journalHead('test', 'operation'), reached);

interface Switches {
  readonly cancel: AbortController;
  readonly shutdown: AbortController;
}

function perform<R>(
  journal: MemoryJournal,
  procedure: (run: Run, switches: Switches) => Promise<R>,
  onAnnounce?: () => void,
): Promise<Outcome<R>> {
  const switches = { cancel: new AbortController(), shutdown: new AbortController() };
  const options: RunOptions = {
    cancel: switches.cancel.signal,
    shutdown: switches.shutdown.signal,
    ...(onAnnounce ? { onAnnounce } : {}),
  };
  return runProcedure(journal, options, (run) => procedure(run, switches));
}

/** A step whose effect is a word in a list. */
function word(effects: string[], name: string): Step<string> {
  return {
    recover: async () => (effects.includes(name) ? { result: name } : null),
    do: async () => {
      effects.push(name);
      return name;
    },
    undo: async (result) => {
      effects.push(`un${name}${result === null ? '?' : ''}`);
    },
  };
}

const refuse = (): Promise<never> => Promise.reject(new HypervisorRefusedError('no'));
const kinds = (journal: MemoryJournal): string[] =>
  journal.entries.map((entry) => ('step' in entry ? `${entry.kind} ${entry.step}` : entry.kind));

describe('a procedure', () => {
  it('is done once: called again it gives what is on record', async () => {
    const journal = newJournal();
    let clock = 0;
    const procedure = (run: Run): Promise<number> =>
      run.step(
        'read clock',
        repeatable(async () => ++clock),
      );
    expect(await perform(journal, procedure)).toEqual({ kind: 'finished', result: 1 });
    expect(await perform(journal, procedure)).toEqual({ kind: 'finished', result: 1 });
    expect(clock).toBe(1);
    expect(kinds(journal)).toEqual(['begin read clock', 'done read clock']);
  });

  it('asks a step what became of it before it is done', async () => {
    const effects = ['a'];
    const step = word(effects, 'a');
    const doIt = vi.spyOn(step, 'do');
    expect(await perform(newJournal(), (run) => run.step('a', step))).toEqual({ kind: 'finished', result: 'a' });
    expect(doIt).not.toHaveBeenCalled();
    expect(effects).toEqual(['a']);
  });

  it('is on record before it begins anything', async () => {
    const journal = newJournal();
    await perform(journal, (run) =>
      run.step(
        'a',
        repeatable(async () => expect(kinds(journal)).toEqual(['begin a'])),
      ),
    );
  });

  it('may not have two steps of one name', async () => {
    const effects: string[] = [];
    const twice = async (run: Run): Promise<void> => {
      await run.step('a', word(effects, 'a'));
      await run.step('a', word(effects, 'a'));
    };
    expect(await perform(newJournal(), twice)).toMatchObject({ kind: 'failed', problem: { code: 'internal' } });
  });
});

describe('a procedure that fails before the point of no return', () => {
  const threeSteps =
    (effects: string[], third: Step<string>) =>
    async (run: Run): Promise<void> => {
      await run.step('a', word(effects, 'a'));
      await run.step('b', word(effects, 'b'));
      await run.step('c', third);
      await run.pointOfNoReturn();
    };

  it('takes everything back, the newest first, the step that failed included', async () => {
    const effects: string[] = [];
    const journal = newJournal();
    const outcome = await perform(journal, threeSteps(effects, { ...word(effects, 'c'), do: refuse }));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'hypervisor_refused' } });
    expect(effects).toEqual(['a', 'b', 'unc?', 'unb', 'una']);
    expect(kinds(journal).slice(-4)).toEqual(['giving-up', 'undone c', 'undone b', 'undone a']);
  });

  it('goes on taking back in its next life, and does nothing twice', async () => {
    const effects: string[] = [];
    const journal = newJournal();
    let broken = true;
    const b: Step<string> = {
      ...word(effects, 'b'),
      undo: async () => {
        if (broken) throw new StoreUnavailableError('not now');
        effects.push('unb');
      },
    };
    const procedure = async (run: Run): Promise<void> => {
      await run.step('a', word(effects, 'a'));
      await run.step('b', b);
      await run.step('c', { ...word(effects, 'c'), do: refuse });
      await run.step('never', word(effects, 'never'));
    };
    await expect(perform(journal, procedure)).rejects.toThrow('not now');
    broken = false;
    const outcome = await perform(journal, procedure);
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'hypervisor_refused' } });
    expect(effects).toEqual(['a', 'b', 'unc?', 'unb', 'una']);
    expect(await perform(journal, procedure)).toEqual(outcome);
    expect(effects).toHaveLength(5);
  });

  it('does not go on in its next life, though what hindered it is gone', async () => {
    const effects: string[] = [];
    let giveUpWritten = false;
    const journal = newJournal((point) => {
      if (giveUpWritten) throw new Error('killed');
      if (point === 'after journal: giving-up') giveUpWritten = true;
    });
    await expect(perform(journal, threeSteps(effects, { ...word(effects, 'c'), do: refuse }))).rejects.toThrow(
      'killed',
    );
    giveUpWritten = false;
    const outcome = await perform(journal, threeSteps(effects, word(effects, 'c')));
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'hypervisor_refused' } });
    expect(effects).not.toContain('c');
    expect(effects.slice(-2)).toEqual(['unb', 'una']);
  });
});

describe('a procedure past its point of no return', () => {
  it('is not taken back, and goes on when it is called again', async () => {
    const effects: string[] = [];
    const journal = newJournal();
    let refuses = true;
    const procedure = async (run: Run): Promise<string> => {
      await run.step('a', word(effects, 'a'));
      await run.pointOfNoReturn();
      return run.step('b', refuses ? { ...word(effects, 'b'), do: refuse } : word(effects, 'b'));
    };
    await expect(perform(journal, procedure)).rejects.toBeInstanceOf(HypervisorRefusedError);
    expect(effects).toEqual(['a']);
    refuses = false;
    expect(await perform(journal, procedure)).toEqual({ kind: 'finished', result: 'b' });
    expect(kinds(journal).filter((kind) => kind === 'no-return')).toHaveLength(1);
  });

  it('does not heed a cancellation any more', async () => {
    const effects: string[] = [];
    const outcome = await perform(newJournal(), async (run, { cancel }) => {
      await run.pointOfNoReturn();
      cancel.abort();
      expect(run.signal.aborted).toBe(false);
      return run.step('a', word(effects, 'a'));
    });
    expect(outcome).toEqual({ kind: 'finished', result: 'a' });
  });
});

describe('a procedure that is cancelled', () => {
  it('takes everything back', async () => {
    const effects: string[] = [];
    const outcome = await perform(newJournal(), async (run, { cancel }) => {
      await run.step('a', word(effects, 'a'));
      cancel.abort();
      expect(run.signal.aborted).toBe(true);
      await run.step('b', word(effects, 'b'));
    });
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'cancelled' } });
    expect(effects).toEqual(['a', 'una']);
  });

  it('is cancelled amid a long step, whatever the step then throws', async () => {
    const effects: string[] = [];
    const outcome = await perform(newJournal(), (run, { cancel }) =>
      run.step('fetch', {
        ...word(effects, 'fetch'),
        do: async () => {
          cancel.abort();
          throw run.signal.reason as Error;
        },
      }),
    );
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'cancelled' } });
    expect(effects).toEqual(['unfetch?']);
  });

  it('does not pass the point of no return', async () => {
    const effects: string[] = [];
    const journal = newJournal();
    const outcome = await perform(journal, async (run, { cancel }) => {
      await run.step('a', word(effects, 'a'));
      cancel.abort();
      await run.pointOfNoReturn();
    });
    expect(outcome).toMatchObject({ kind: 'failed', problem: { code: 'cancelled' } });
    expect(kinds(journal)).not.toContain('no-return');
  });
});

describe('a worker that shuts down', () => {
  it('leaves the procedure as it is, to be gone on with', async () => {
    const effects: string[] = [];
    const journal = newJournal();
    let first = true;
    const procedure = async (run: Run, { shutdown }: Switches): Promise<string> => {
      await run.step('a', word(effects, 'a'));
      if (first) shutdown.abort();
      return run.step('b', word(effects, 'b'));
    };
    await expect(perform(journal, procedure)).rejects.toBeInstanceOf(InterruptedError);
    expect(effects).toEqual(['a']);
    first = false;
    expect(await perform(journal, procedure)).toEqual({ kind: 'finished', result: 'b' });
    expect(kinds(journal)).not.toContain('giving-up');
  });
});

describe('a journal that can not be written', () => {
  it.each(['begin "b"', 'done "b"', 'no-return', 'announce'])(
    'stops everything at %s, and nothing is taken back',
    async (at) => {
      const effects: string[] = [];
      let isFull = true;
      const journal = newJournal((point) => {
        if (isFull && point === `before journal: ${at}`) throw new JournalUnwritableError('no space left');
      });
      const procedure = async (run: Run): Promise<string> => {
        await run.step('a', word(effects, 'a'));
        const result = await run.step('b', word(effects, 'b'));
        await run.pointOfNoReturn();
        await run.announce('done', {});
        return result;
      };
      await expect(perform(journal, procedure)).rejects.toBeInstanceOf(JournalUnwritableError);
      expect(effects.filter((effect) => effect.startsWith('un'))).toEqual([]);
      expect(kinds(journal)).not.toContain('giving-up');
      isFull = false;
      expect(await perform(journal, procedure)).toEqual({ kind: 'finished', result: 'b' });
      expect(effects).toEqual(['a', 'b']);
    },
  );

  it('does not begin a step that is not on record', async () => {
    const effects: string[] = [];
    const journal = newJournal((point) => {
      if (point === 'before journal: begin "a"') throw new JournalUnwritableError('no space left');
    });
    await expect(perform(journal, (run) => run.step('a', word(effects, 'a')))).rejects.toThrow('no space left');
    expect(effects).toEqual([]);
  });
});

describe('an announcement', () => {
  it('is put on record once, whoever asks, and told each time', async () => {
    const journal = newJournal();
    const onAnnounce = vi.fn<() => void>();
    const procedure = async (run: Run): Promise<void> => {
      await run.announce('snapshot.sealed', { n: 1 });
      await run.announce('snapshot.available', { n: 2 });
    };
    await perform(journal, procedure, onAnnounce);
    await perform(journal, procedure, onAnnounce);
    expect(journal.entries).toEqual([
      { kind: 'announce', id: 'operation:snapshot.sealed', type: 'snapshot.sealed', data: { n: 1 } },
      { kind: 'announce', id: 'operation:snapshot.available', type: 'snapshot.available', data: { n: 2 } },
    ]);
    expect(onAnnounce).toHaveBeenCalledTimes(4);
  });
});
