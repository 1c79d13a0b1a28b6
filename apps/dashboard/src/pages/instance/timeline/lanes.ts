import type { TimelineBranch } from '@varve/contracts';

// What the instance's disk is made of now lies on one straight line, lane 0: its branch, and those it goes out from up to
// where it does. What came after that on them, and what else was tried, lies on lanes below.

/** One straight piece of a branch. Milliseconds. */
export interface Piece {
  readonly branch: number;
  readonly lane: number;
  readonly from: number;
  readonly to: number;
  /** Where it goes out from, when that is on another lane. */
  readonly leaves: { readonly at: number; readonly lane: number } | null;
  /** Until then the instance was elsewhere: from the point that was gone back to, to the rollback itself. */
  readonly since: number;
}

export interface Lanes {
  readonly count: number;
  readonly pieces: readonly Piece[];
  /** The lane of something that happened on a branch at a time. */
  readonly laneOf: (branch: number, at: number) => number;
}

const time = (at: string): number => Date.parse(at);

interface Course {
  readonly branch: TimelineBranch;
  readonly parent: number | null;
  readonly parentAt: number | null;
  readonly begins: number;
  readonly ends: number;
}

export function lanesOf(branches: readonly TimelineBranch[], here: number, now: number): Lanes {
  const courses = new Map(branches.map((branch) => [branch.branch, courseOf(branch, branches, now)]));
  const ownUntil = lineOf(here, courses);

  /** Whether it is on the straight line. */
  const onLine = (branch: number, at: number): boolean => at <= (ownUntil.get(branch) ?? -Infinity);
  const off = [...courses.values()]
    .flatMap((course) => offLine(course, ownUntil.get(course.branch.branch) ?? null))
    .toSorted((a, b) => a.from - b.from);
  const lanes = new Map<number, number>();
  /** Until when each lane is taken. */
  const taken: number[] = [];
  for (const { branch, from, to } of off) {
    const free = taken.findIndex((until) => until < from);
    const index = free < 0 ? taken.length : free;
    taken[index] = to;
    lanes.set(branch, index + 1);
  }
  const laneOf = (branch: number, at: number): number => (onLine(branch, at) ? 0 : (lanes.get(branch) ?? 0));

  const straight = [...ownUntil].flatMap(([branch, until]) => {
    const course = courses.get(branch);
    if (!course) return [];
    const from = course.parentAt ?? course.begins;
    return [{ branch, lane: 0, from, to: Math.min(until, course.ends), since: course.begins, leaves: null }];
  });
  const others = off.map(({ branch, from, to, since, parent }) => ({
    branch,
    lane: lanes.get(branch) ?? 0,
    from,
    to,
    since,
    leaves: parent === null ? null : { at: from, lane: laneOf(parent, from) },
  }));
  return { count: taken.length + 1, pieces: [...straight, ...others], laneOf };
}

function courseOf(branch: TimelineBranch, all: readonly TimelineBranch[], now: number): Course {
  const [first, last] = [branch.spans[0], branch.spans.at(-1)];
  const parentAt = branch.parentAt === null ? null : time(branch.parentAt);
  const begins = first ? time(first.from) : (parentAt ?? now);
  return {
    branch,
    parentAt,
    parent: parentAt === null ? null : branchAt(parentAt, branch.branch, all),
    begins,
    ends: last ? (last.to === null ? now : time(last.to)) : begins,
  };
}

/** An instance is on one branch at a time, so a point's time says which it lies on. */
function branchAt(at: number, not: number, all: readonly TimelineBranch[]): number | null {
  const on = all.findLast(
    ({ branch, spans }) =>
      branch !== not && spans.some(({ from, to }) => time(from) <= at && (to === null || at <= time(to))),
  );
  // A first branch may be known only from its first point on.
  return on?.branch ?? all.find(({ branch }) => branch !== not)?.branch ?? null;
}

/** Until when each branch belongs to what the disk is made of now. */
function lineOf(here: number, courses: ReadonlyMap<number, Course>): Map<number, number> {
  const until = new Map<number, number>();
  let branch: number | null = here;
  let limit = Infinity;
  while (branch !== null && !until.has(branch)) {
    until.set(branch, limit);
    const course = courses.get(branch);
    branch = course?.parent ?? null;
    limit = Math.min(limit, course?.parentAt ?? -Infinity);
  }
  return until;
}

interface Off {
  readonly branch: number;
  readonly from: number;
  readonly to: number;
  readonly since: number;
  readonly parent: number | null;
}

/** The part of a branch that is not on the straight line. */
function offLine({ branch: { branch }, parent, parentAt, begins, ends }: Course, until: number | null): readonly Off[] {
  if (until === null) return [{ branch, from: parentAt ?? begins, to: ends, since: begins, parent }];
  return ends > until ? [{ branch, from: until, to: ends, since: until, parent: branch }] : [];
}
