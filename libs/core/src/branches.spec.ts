import { describe, expect, it } from 'vitest';
import { branchesOf } from './branches.js';
import type { Turn } from './branches.js';
import type { OperationId, SnapshotUid } from './ids.js';

let clock = 0;
const turn = (id: string, more: { target?: string; undoes?: string }): Turn => ({
  id: id as OperationId,
  epoch: ++clock,
  at: new Date(clock * 1_000),
  target: (more.target ?? null) as SnapshotUid | null,
  undoes: (more.undoes ?? null) as OperationId | null,
});
const rollback = (id: string, target: string): Turn => turn(id, { target });
const undo = (id: string, undoes: string): Turn => turn(id, { undoes });
/** `branch of span:id of the turn that it began with`. */
const story = (turns: Turn[]): string =>
  branchesOf(turns)
    .spans.map(({ branch, by }) => `${branch}:${by?.id ?? '-'}`)
    .join(' ');
const parents = (turns: Turn[]): (string | null)[] => branchesOf(turns).branches.map(({ parent }) => parent);

describe('the branches of an instance', () => {
  it('are one while it was never rolled back', () => {
    expect(branchesOf([])).toEqual({ branches: [{ parent: null }], spans: [{ branch: 0, by: null, until: null }] });
  });

  it('begin with a rollback, and go out from where it went', () => {
    const turns = [rollback('r1', 'p1'), rollback('r2', 'p1'), rollback('r3', 'p7')];
    expect(story(turns)).toBe('0:- 1:r1 2:r2 3:r3');
    expect(parents(turns)).toEqual([null, 'p1', 'p1', 'p7']);
  });

  it('are come back to with an undo', () => {
    expect(story([rollback('r1', 'p1'), undo('u1', 'r1')])).toBe('0:- 1:r1 0:u1');
    expect(story([rollback('r1', 'p1'), undo('u1', 'r1'), rollback('r2', 'p2')])).toBe('0:- 1:r1 0:u1 2:r2');
  });

  it('are left again where an undo is undone', () => {
    const turns = [rollback('r1', 'p1'), undo('u1', 'r1'), undo('u2', 'u1'), undo('u3', 'u2')];
    expect(story(turns)).toBe('0:- 1:r1 0:u1 1:u2 0:u3');
  });

  it('are come back to from a rollback on a branch', () => {
    expect(story([rollback('r1', 'p1'), rollback('r2', 'p2'), undo('u1', 'r2')])).toBe('0:- 1:r1 2:r2 1:u1');
  });

  it('have no gap in time', () => {
    const turns = [rollback('r1', 'p1'), undo('u1', 'r1'), rollback('r2', 'p2')];
    const { spans } = branchesOf(turns);
    expect(spans.map(({ until }) => until)).toEqual([...turns, null]);
    expect(spans.slice(1).map(({ by }) => by)).toEqual(turns);
  });
});

/** A disk that remembers all that was written to it, and what its latest rollback or undo has put aside. */
class Disk {
  /** Shared by all states that one was made from the other: a write adds to it. */
  now: object = {};
  private aside: object | null = null;
  latest: string | null = null;

  rollBack(id: string): void {
    this.aside = this.now;
    this.now = {};
    this.latest = id;
  }

  undo(id: string): boolean {
    if (!this.aside) return false;
    [this.now, this.aside] = [this.aside, this.now];
    this.latest = id;
    return true;
  }
}

it('of a thousand random stories are those of a disk that does what it is told', () => {
  // A fixed sequence: a failure can be looked at.
  let seed = 1;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let n = 0; n < 1_000; n++) {
    const disk = new Disk();
    const met = [disk.now];
    const turns: Turn[] = [];
    const expected = [0];
    for (let step = 0, steps = Math.floor(random() * 30); step < steps; step++) {
      const undoes = disk.latest;
      const id = `t${step}`;
      if (random() < 0.5 && undoes !== null && disk.undo(id)) turns.push(undo(id, undoes));
      else {
        disk.rollBack(id);
        turns.push(rollback(id, `p${step}`));
      }
      if (!met.includes(disk.now)) met.push(disk.now);
      expected.push(met.indexOf(disk.now));
    }
    expect(branchesOf(turns).spans.map(({ branch }) => branch)).toEqual(expected);
    expect(branchesOf(turns).branches).toHaveLength(met.length);
  }
});
