import { describe, expect, it } from 'vitest';
import type { Problem } from '@varve/core';
import { journalHead } from '../testing/memory-journal.js';
import type { JournalEntry } from './journal.js';
import { stepsOf } from './steps.js';

const problem: Problem = { code: 'no_space', remedy: 'retry', message: 'it is full', facts: {} };
const second = (n: number): string => `2026-01-01T00:00:0${n}Z`;
const begin = (step: string, n: number): JournalEntry => ({ kind: 'begin', step, at: second(n) });
const done = (step: string, n: number): JournalEntry => ({ kind: 'done', step, result: null, at: second(n) });
const head = { ...journalHead('test', 'operation'), at: second(0) };
const shown = (entries: JournalEntry[]): string[] =>
  stepsOf([head, ...entries]).map(({ name, state, startedAt, finishedAt, detail }) =>
    `${name} ${state} ${startedAt.at(-2)}-${finishedAt?.at(-2) ?? ''} ${detail ?? ''}`.trim(),
  );

describe('the steps of a procedure', () => {
  it.each<{ name: string; entries: JournalEntry[]; steps: string[] }>([
    { name: 'none yet', entries: [], steps: [] },
    {
      name: 'one done, one under way',
      entries: [begin('a', 1), done('a', 2), { kind: 'no-return', at: second(3) }, begin('b', 4)],
      steps: ['a done 1-2', 'b running 4-'],
    },
    {
      name: 'given up: the one that failed says why, and those before it were taken back where there was something to take',
      entries: [
        begin('a', 1),
        done('a', 2),
        begin('b', 2),
        done('b', 3),
        begin('c', 4),
        { kind: 'giving-up', problem, at: second(5) },
        { kind: 'undone', step: 'c', at: second(6) },
        { kind: 'undone', step: 'a', at: second(7) },
      ],
      steps: ['a undone 1-7', 'b done 2-3', 'c failed 4-5 it is full'],
    },
    {
      name: 'of a journal from before entries had times',
      entries: [{ kind: 'begin', step: 'a' }, done('a', 4), { kind: 'begin', step: 'b' }],
      steps: ['a done 0-4', 'b running 4-'],
    },
  ])('$name', ({ entries, steps }) => expect(shown(entries)).toEqual(steps));

  it('that failed as an outcome are told from those that came after, and from what did not matter', () => {
    const other = { ...problem, code: 'other', message: 'of no importance' };
    const entries: JournalEntry[] = [
      head,
      begin('a', 1),
      { kind: 'done', step: 'a', result: { kind: 'left', problem: { ...other } }, at: second(2) },
      begin('b', 3),
      { kind: 'done', step: 'b', result: { kind: 'failed', problem: { ...problem } }, at: second(4) },
      begin('c', 5),
      done('c', 6),
    ];
    const states = (end: Problem | null) => stepsOf(entries, end).map(({ state, detail }) => detail ?? state);
    expect(states(problem)).toEqual(['done', 'it is full', 'done']);
    expect(states(null)).toEqual(['done', 'done', 'done']);
  });

  it('give a long reason in short', () => {
    const long = { ...problem, message: 'x'.repeat(10_000) };
    const [step] = stepsOf([head, begin('a', 1), { kind: 'giving-up', problem: long, at: second(2) }]);
    expect(step?.detail).toHaveLength(500);
  });
});
