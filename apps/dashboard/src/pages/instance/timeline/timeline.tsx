import { Flex, Typography } from 'antd';
import type { TimelinePoint, TimelineView } from '@varve/contracts';
import { useCallback, useId, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { QueryState } from '../../../common/query-state.tsx';
import { useNow } from '../../../common/use-now.ts';
import { NoPoints } from '../points-table.tsx';
import { lanesOf } from './lanes.ts';
import { MarkDetails, useWords } from './mark-words.tsx';
import type { Mark } from './marks.ts';
import { branchOf, countIn, marksOf } from './marks.ts';
import { heightOf, laneY, Plot } from './plot.tsx';
import { between, xOf } from './scale.ts';
import { Toolbar } from './toolbar.tsx';
import { useGestures } from './use-gestures.ts';
import { useKeys } from './use-keys.ts';
import type { Timeline as Seen } from './use-timeline.ts';
import { useTimeline } from './use-timeline.ts';
import { useWidth } from './use-width.ts';

/** So near, a pointer means a sign. Pixels. */
const REACH_PX = 22;

interface Props {
  readonly instanceId: string;
  /** What can be done with the point that is chosen. */
  readonly actions: (point: TimelinePoint) => React.ReactNode;
  /** By Enter; a click only shows it. */
  readonly onEnter?: (point: TimelinePoint) => void;
}

/** An instance's restore points in time, from years to minutes. The table beside it has all that it says. */
export function Timeline({ instanceId, actions, onEnter }: Props) {
  const outer = useRef<HTMLDivElement>(null);
  const width = useWidth(outer);
  const seen = useTimeline(instanceId, width);
  return (
    <div ref={outer}>
      <QueryState query={seen.query} empty={{ when: ({ firstAt }) => firstAt === null, show: <NoPoints /> }}>
        {(view) => <Known seen={seen} view={view} width={width} actions={actions} onEnter={onEnter} />}
      </QueryState>
    </div>
  );
}

interface KnownProps extends Pick<Props, 'actions'> {
  readonly seen: Seen;
  readonly view: TimelineView;
  readonly width: number;
  readonly onEnter: Props['onEnter'];
}

function Known({ seen, view, width, actions, onEnter }: KnownProps) {
  const { t } = useTranslation();
  const words = useWords();
  const now = useNow(15_000);
  const box = useRef<HTMLDivElement>(null);
  const option = useId();
  const { span, change } = seen;
  const marks = useMemo(() => marksOf(view), [view]);
  const lanes = useMemo(() => lanesOf(view.branches, view.here.branch, now), [view, now]);
  const [chosen, setChosen] = useState<Mark | null>(null);
  const [hovered, setHovered] = useState<Mark | null>(null);
  // As it is known now; it may be known no longer, as one goes elsewhere.
  const current = (chosen && marks.find(({ key }) => key === chosen.key)) ?? chosen;

  const at = useCallback(
    (x: number, y: number): Mark | null => {
      let best: Mark | null = null;
      let least = REACH_PX;
      for (const mark of marks) {
        const off = Math.hypot(xOf(mark.at, span, width) - x, laneY(lanes.laneOf(branchOf(mark), mark.at)) - y);
        if (off < least) [best, least] = [mark, off];
      }
      return best;
    },
    [marks, span, width, lanes],
  );
  const enter = (mark: Mark): void => {
    if (mark.kind === 'point') onEnter?.(mark.point);
    else {
      const [from, to] = [Date.parse(mark.group.from), Date.parse(mark.group.to)];
      change((_, limits) => between(from, to, limits));
    }
  };
  const { brush } = useGestures(box, seen, width, (x, y) => {
    const found = at(x, y);
    if (found?.kind === 'group') enter(found);
    else if (found) setChosen(found);
  });
  const onKeyDown = useKeys({ seen, marks, settled: !seen.query.isPlaceholderData, current, choose: setChosen, enter });
  const count = useMemo(() => countIn(marks, span), [marks, span]);
  const shown = hovered ?? current;
  const place = current ? marks.findIndex(({ key }) => key === current.key) + 1 : 0;

  return (
    <Flex vertical gap={8}>
      <Toolbar seen={seen} count={count} />
      <div
        ref={box}
        role="listbox"
        className="timeline"
        tabIndex={0}
        aria-label={t(onEnter ? 'instance.timeline.labelChoose' : 'instance.timeline.label')}
        aria-activedescendant={current ? option : undefined}
        onKeyDown={onKeyDown}
        onFocus={() => current ?? setChosen(marks.findLast((mark) => mark.at <= span.to) ?? null)}
        onPointerMove={({ nativeEvent: { offsetX, offsetY }, pointerType }) =>
          pointerType === 'mouse' && setHovered(at(offsetX, offsetY))
        }
        onPointerLeave={() => setHovered(null)}
        style={{ height: heightOf(lanes.count), cursor: hovered ? 'pointer' : 'crosshair' }}
      >
        <Plot
          marks={marks}
          lanes={lanes}
          span={span}
          width={width}
          now={now}
          chosen={current}
          hovered={hovered}
          brush={brush}
        />
        {/* The one that the keyboard is at; another id each time, so that it is read. */}
        <div
          key={current?.key}
          id={option}
          role="option"
          aria-selected={current !== null}
          {...(place > 0 && { 'aria-posinset': place, 'aria-setsize': marks.length })}
          className="visually-hidden"
        >
          {current ? words(current) : t('instance.timeline.nothing')}
        </div>
      </div>
      <div className="timeline-details">
        {shown ? (
          <MarkDetails
            mark={shown}
            actions={shown === current && shown.kind === 'point' ? actions(shown.point) : null}
          />
        ) : (
          <Typography.Text type="secondary">
            {t('instance.timeline.hover')} {t('instance.timeline.keys')}
          </Typography.Text>
        )}
      </div>
    </Flex>
  );
}
