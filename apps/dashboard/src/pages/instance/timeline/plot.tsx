import { theme } from 'antd';
import { memo, useMemo } from 'react';
import type { SnapshotStatus } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import type { Lanes } from './lanes.ts';
import type { Mark } from './marks.ts';
import { branchOf } from './marks.ts';
import type { Span } from './scale.ts';
import { tickLabel, ticks, xOf } from './scale.ts';
import type { Brush } from './use-gestures.ts';

const LANE_PX = 30;
const TOP_PX = 34;
const BARS_PX = 56;
const AXIS_PX = 24;
const RADIUS_PX = 5.5;
/** A group is at least so wide. */
const GROUP_PX = 12;

export const laneY = (lane: number): number => TOP_PX + lane * LANE_PX;
export const heightOf = (lanes: number): number => laneY(lanes) + BARS_PX + AXIS_PX;

interface Props {
  readonly marks: readonly Mark[];
  readonly lanes: Lanes;
  readonly span: Span;
  readonly width: number;
  readonly now: number;
  readonly chosen: Mark | null;
  readonly hovered: Mark | null;
  readonly brush: Brush | null;
}

/** The picture alone: what it says is said in words beside it. Signs of one kind are one path, however many there are. */
export const Plot = memo(function Plot({ marks, lanes, span, width, now, chosen, hovered, brush }: Props) {
  const { t, i18n } = useTranslation();
  const { token } = theme.useToken();
  const height = heightOf(lanes.count);
  const barsBottom = laneY(lanes.count) + BARS_PX - 8;
  const x = (at: number): number => xOf(at, span, width);
  const axis = useMemo(() => ticks(span, width, 96), [span, width]);
  const shapes = useMemo(() => shapesOf(marks, lanes, span, width), [marks, lanes, span, width]);
  const bars = useMemo(() => barsOf(marks, span, width, barsBottom), [marks, span, width, barsBottom]);
  const lines = useMemo(() => linesOf(lanes, span, width), [lanes, span, width]);
  const nowX = x(now);
  const hereX = Math.min(Math.max(nowX, 8), width - 8);
  const ring = (mark: Mark, color: string, strong: boolean) => (
    <circle
      cx={x(mark.at)}
      cy={laneY(lanes.laneOf(branchOf(mark), mark.at))}
      r={12}
      fill="none"
      stroke={color}
      strokeWidth={strong ? 3 : 1.5}
    />
  );
  return (
    <svg width={width} height={height} aria-hidden focusable="false" style={{ display: 'block' }}>
      {axis.at.map((at) => (
        <g key={at}>
          <line x1={x(at)} x2={x(at)} y1={TOP_PX - 12} y2={height - AXIS_PX} stroke={token.colorBorderSecondary} />
          <text
            x={x(at)}
            y={height - 7}
            fill={token.colorTextSecondary}
            fontSize={12}
            textAnchor={x(at) < 30 ? 'start' : x(at) > width - 30 ? 'end' : 'middle'}
          >
            {tickLabel(at, axis.step, i18n.language)}
          </text>
        </g>
      ))}
      <line x1={0} x2={width} y1={barsBottom} y2={barsBottom} stroke={token.colorBorder} />
      <path d={bars} fill={token.colorPrimary} fillOpacity={0.75} />
      <path d={lines.solid} fill="none" stroke={token.colorTextSecondary} strokeWidth={2} />
      <path d={lines.dashed} fill="none" stroke={token.colorTextSecondary} strokeWidth={1.5} strokeDasharray="3 4" />
      {KINDS.map((kind) => (
        <path
          key={kind}
          d={shapes.paths[kind]}
          fill={FILLED.has(kind) ? token[COLOR[kind]] : token.colorBgContainer}
          // Filled ones are set off from each other, where they are close.
          stroke={FILLED.has(kind) ? token.colorBgContainer : token[COLOR[kind]]}
          strokeWidth={FILLED.has(kind) ? 1 : 2}
        />
      ))}
      {shapes.counts.map(({ key, at, y, count }) => (
        <text key={key} x={at} y={y + 4} fill={token.colorText} fontSize={12} textAnchor="middle" pointerEvents="none">
          {count}
        </text>
      ))}
      <g stroke={token.colorPrimary} fill={token.colorPrimary}>
        {nowX >= 0 && nowX <= width && <path d={`M${nowX} ${TOP_PX - 14}V${laneY(0)}`} strokeWidth={2} fill="none" />}
        <path d={hereSign(hereX, nowX, width)} stroke="none" />
        <text
          x={hereX > width / 2 ? hereX - 12 : hereX + 12}
          y={14}
          fontSize={12}
          fontWeight={600}
          stroke="none"
          fill={token.colorLink}
          textAnchor={hereX > width / 2 ? 'end' : 'start'}
        >
          {t('instance.timeline.here')}
        </text>
      </g>
      {hovered && ring(hovered, token.colorTextSecondary, false)}
      {chosen && ring(chosen, token.colorPrimary, true)}
      {brush && (
        <rect
          x={Math.min(brush.from, brush.to)}
          width={Math.abs(brush.to - brush.from)}
          y={0}
          height={height - AXIS_PX}
          fill={token.colorPrimary}
          fillOpacity={0.15}
        />
      )}
    </svg>
  );
});

/** Each by its form as well as by its colour. */
type Kind = SnapshotStatus | 'group' | 'groupFailed';
const KINDS: readonly Kind[] = ['group', 'groupFailed', 'available', 'creating', 'restoring', 'deleting', 'error'];
const FILLED: ReadonlySet<Kind> = new Set(['available', 'error', 'restoring']);
const COLOR = {
  available: 'colorSuccess',
  creating: 'colorPrimary',
  restoring: 'colorPrimary',
  deleting: 'colorTextSecondary',
  error: 'colorError',
  group: 'colorSuccess',
  groupFailed: 'colorError',
} as const satisfies Record<Kind, string>;

/** A circle; where file systems were at rest, in a square; failed, a diamond; under way, a triangle. */
function signOf(kind: Kind, atRest: boolean, x: number, y: number): string {
  const r = RADIUS_PX;
  const circle = `M${x - r} ${y}a${r} ${r} 0 1 1 ${2 * r} 0a${r} ${r} 0 1 1 ${-2 * r} 0Z`;
  switch (kind) {
    case 'available':
      return atRest ? `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}Z` : circle;
    case 'error':
      return `M${x} ${y - r - 1.5}l${r + 1.5} ${r + 1.5}l${-r - 1.5} ${r + 1.5}l${-r - 1.5} ${-r - 1.5}Z`;
    case 'creating':
    case 'restoring':
      return `M${x} ${y - r - 1}l${r + 1} ${2 * r}h${-2 * r - 2}Z`;
    case 'deleting':
    case 'group':
    case 'groupFailed':
      return circle;
  }
}

interface Shapes {
  readonly paths: Readonly<Record<Kind, string>>;
  readonly counts: readonly { readonly key: string; readonly at: number; readonly y: number; readonly count: number }[];
}

const round = (pixels: number): number => Math.round(pixels * 10) / 10;

function shapesOf(marks: readonly Mark[], lanes: Lanes, span: Span, width: number): Shapes {
  const paths = Object.fromEntries(KINDS.map((kind) => [kind, ''])) as Record<Kind, string>;
  const counts: Shapes['counts'][number][] = [];
  for (const mark of marks) {
    const at = round(xOf(mark.at, span, width));
    if (at < -GROUP_PX || at > width + GROUP_PX) continue;
    const y = laneY(lanes.laneOf(branchOf(mark), mark.at));
    if (mark.kind === 'point') {
      const { status, consistency } = mark.point;
      paths[status] += signOf(status, consistency === 'filesystem', at, y);
      continue;
    }
    const { from, to, available, failed } = mark.group;
    const wide = Math.max(GROUP_PX, xOf(Date.parse(to), span, width) - xOf(Date.parse(from), span, width) - 4);
    const count = available + failed;
    if (failed > 0 && available > 0) paths.error += `M${round(at + wide / 2)} ${y - 14}l5 5l-5 5l-5 -5Z`;
    paths[available === 0 ? 'groupFailed' : 'group'] +=
      `M${round(at - wide / 2)} ${y - 9}h${round(wide)}v18h${-round(wide)}Z`;
    if (wide > 7 * String(count).length + 5) counts.push({ key: mark.key, at, y, count });
  }
  return { paths, counts };
}

/** By the square root: what differs by a thousand is seen side by side. */
function barsOf(marks: readonly Mark[], span: Span, width: number, bottom: number): string {
  const seen = marks.filter(({ at }) => at >= span.from && at <= span.to);
  const most = seen.reduce((max, { changedBytes }) => Math.max(max, changedBytes), 0);
  if (most === 0) return '';
  let path = '';
  for (const { at, changedBytes } of seen) {
    if (changedBytes === 0) continue;
    const high = round(Math.max(1, Math.sqrt(changedBytes / most) * (BARS_PX - 14)));
    path += `M${round(xOf(at, span, width) - 2)} ${bottom}v${-high}h4v${high}Z`;
  }
  return path;
}

function linesOf(lanes: Lanes, span: Span, width: number): { solid: string; dashed: string } {
  let [solid, dashed] = ['', ''];
  // Far outside, numbers grow beyond what is drawn.
  const x = (at: number): number => round(Math.min(Math.max(xOf(at, span, width), -50), width + 50));
  for (const { lane, from, to, since, leaves } of lanes.pieces) {
    const y = laneY(lane);
    if (leaves) {
      const [left, top] = [x(leaves.at), laneY(leaves.lane)];
      solid += `M${left} ${top}C${left + 10} ${top} ${left} ${y} ${left + 10} ${y}`;
    }
    const begin = Math.min(Math.max(since, from), to);
    // From where the curve has come down.
    const right = (at: number): number => (leaves ? Math.max(x(at), x(leaves.at) + 10) : x(at));
    if (begin > from) dashed += `M${right(from)} ${y}H${right(begin)}`;
    solid += `M${right(begin)} ${y}H${right(to)}`;
  }
  return { solid, dashed };
}

/** Downwards at its place, sideways where that is out of sight. */
function hereSign(x: number, nowX: number, width: number): string {
  if (nowX < 0) return `M${x - 7} 10l9 -6v12Z`;
  if (nowX > width) return `M${x + 7} 10l-9 -6v12Z`;
  return `M${x} ${TOP_PX - 14}l-6 -10h12Z`;
}
