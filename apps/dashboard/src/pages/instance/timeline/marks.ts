import type { TimelineBucket, TimelinePoint, TimelineView } from '@varve/contracts';
import type { Span } from './scale.ts';

/** What stands for one point, or for many that would lie on top of each other. */
export type Mark =
  | {
      readonly kind: 'point';
      readonly key: string;
      readonly at: number;
      readonly changedBytes: number;
      readonly point: TimelinePoint;
    }
  | {
      readonly kind: 'group';
      readonly key: string;
      readonly at: number;
      readonly changedBytes: number;
      readonly group: TimelineBucket;
    };

/** The moment that a point stands for; one that failed before that, when it was asked for. */
export const momentOf = ({ sealedAt, createdAt }: Pick<TimelinePoint, 'sealedAt' | 'createdAt'>): string =>
  sealedAt ?? createdAt;

/** Oldest first. */
export function marksOf({ points, buckets }: Pick<TimelineView, 'points' | 'buckets'>): readonly Mark[] {
  const marks: Mark[] = [
    ...points.map((point) => ({
      kind: 'point' as const,
      key: point.uid,
      at: Date.parse(momentOf(point)),
      changedBytes: point.changedBytes ?? 0,
      point,
    })),
    ...buckets.map((group) => ({
      kind: 'group' as const,
      key: `${group.branch} ${group.from}`,
      at: (Date.parse(group.from) + Date.parse(group.to)) / 2,
      changedBytes: group.changedBytes,
      group,
    })),
  ];
  return marks.toSorted((a, b) => a.at - b.at);
}

export const branchOf = (mark: Mark): number => (mark.kind === 'point' ? mark.point.branch : mark.group.branch);

/** How many points lie within a span. */
export function countIn(marks: readonly Mark[], { from, to }: Span): number {
  return marks
    .filter(({ at }) => at >= from && at <= to)
    .reduce((sum, mark) => sum + (mark.kind === 'point' ? 1 : mark.group.available + mark.group.failed), 0);
}
