import type { TimelineBranch } from '@varve/contracts';
import { expect, it } from 'vitest';
import { lanesOf } from './lanes.ts';

const NOW = 100;
const at = (ms: number): string => new Date(ms).toISOString();
const branch = (number: number, parentAt: number | null, ...spans: [number, number | null][]): TimelineBranch =>
  ({
    branch: number,
    parentUid: parentAt === null ? null : `parent-of-${number}`,
    parentAt: parentAt === null ? null : at(parentAt),
    spans: spans.map(([from, to]) => ({ from: at(from), to: to === null ? null : at(to), rollbackId: null })),
  }) as unknown as TimelineBranch;

it('has one straight line without a rollback', () => {
  const { count, pieces } = lanesOf([branch(0, null, [0, null])], 0, NOW);
  expect(count).toBe(1);
  expect(pieces).toEqual([{ branch: 0, lane: 0, from: 0, to: NOW, since: 0, leaves: null }]);
});

it('keeps what the disk is made of straight; what was left lies below', () => {
  // At 50, back to the point of 20.
  const { count, pieces, laneOf } = lanesOf([branch(0, null, [0, 50]), branch(1, 20, [50, null])], 1, NOW);
  expect(count).toBe(2);
  expect([laneOf(0, 10), laneOf(0, 20), laneOf(0, 30), laneOf(1, 60)]).toEqual([0, 0, 1, 0]);
  expect(pieces).toContainEqual({ branch: 1, lane: 0, from: 20, to: NOW, since: 50, leaves: null });
  expect(pieces).toContainEqual({ branch: 0, lane: 0, from: 0, to: 20, since: 0, leaves: null });
  expect(pieces).toContainEqual({ branch: 0, lane: 1, from: 20, to: 50, since: 20, leaves: { at: 20, lane: 0 } });
});

it('shows what an undo has left as a branch', () => {
  // At 50 back to 20; at 70 that is undone.
  const branches = [branch(0, null, [0, 50], [70, null]), branch(1, 20, [50, 70])];
  const { pieces, laneOf } = lanesOf(branches, 0, NOW);
  expect([laneOf(0, 30), laneOf(0, 90), laneOf(1, 60)]).toEqual([0, 0, 1]);
  expect(pieces).toContainEqual({ branch: 1, lane: 1, from: 20, to: 70, since: 50, leaves: { at: 20, lane: 0 } });
});

it('goes out from a branch that is not on the line, too', () => {
  // Back to 20; from there on, at 60, back to 55 of that second branch; at 80, back to 10.
  const branches = [
    branch(0, null, [0, 50]),
    branch(1, 20, [50, 60]),
    branch(2, 55, [60, 80]),
    branch(3, 10, [80, null]),
  ];
  const { pieces, laneOf } = lanesOf(branches, 3, NOW);
  expect(pieces.find((piece) => piece.branch === 2)?.leaves).toEqual({ at: 55, lane: laneOf(1, 55) });
  expect(laneOf(3, 90)).toBe(0);
  expect(laneOf(0, 5)).toBe(0);
});

it('lets branches that do not meet share a lane', () => {
  const branches = [branch(0, null, [0, 20], [30, 60], [70, null]), branch(1, 10, [20, 30]), branch(2, 50, [60, 70])];
  const { count, laneOf } = lanesOf(branches, 0, NOW);
  expect(count).toBe(2);
  expect([laneOf(1, 25), laneOf(2, 65)]).toEqual([1, 1]);
});

it('draws what there is of branches that do not fit together', () => {
  expect(lanesOf([], 0, NOW).count).toBe(1);
  expect(lanesOf([branch(0, 90, [0, 10]), branch(1, 5, [20, null])], 1, NOW).pieces.length).toBeGreaterThan(0);
});
