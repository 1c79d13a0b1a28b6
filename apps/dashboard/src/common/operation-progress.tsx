import { Flex, Progress, Typography } from 'antd';
import type { OperationView } from '@varve/contracts';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useFormat } from './use-format.ts';
import type { Sample } from './time-left.ts';
import { sampled, timeLeft } from './time-left.ts';
import { useNow } from './use-now.ts';

/** After so long without a word of it, the page says that. Milliseconds. */
const QUIET_MS = 30_000;

type Shown = Pick<OperationView, 'id' | 'state' | 'phase' | 'doneBytes' | 'totalBytes' | 'createdAt'>;

/** How far a running operation is: its phase, and the bytes and the time left where it has any. */
export function OperationProgress({ operation, small = false }: { operation: Shown; small?: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { phase, doneBytes, totalBytes } = operation;
  const { left, quietMs } = useCourse(operation);
  const measured = totalBytes > 0;
  const bytes = measured
    ? t('common.progress.bytes', { done: format.bytes(doneBytes), total: format.bytes(totalBytes) })
    : null;
  const facts = [
    // In a table, what comes and goes must not change the height of its row; the bar says how much.
    small ? null : bytes,
    left === null ? null : t('common.progress.left', { time: format.duration(Math.max(1_000, left)) }),
  ];
  return (
    <Flex vertical gap={2} style={{ minWidth: small ? 140 : 220 }}>
      <Flex justify="space-between" gap={8} wrap>
        <span>{t(`common.phase.${phase}`)}</span>
        <Typography.Text type="secondary" className="number">
          {facts.filter((fact) => fact !== null).join(', ')}
        </Typography.Text>
      </Flex>
      <Progress
        // Of another phase it is another bar: one that runs backwards frightens.
        key={phase}
        // Without a measure the bar is full and moves: it goes on, nobody knows how far.
        percent={measured ? Math.min(100, Math.floor((100 * doneBytes) / totalBytes)) : 100}
        status="active"
        showInfo={measured}
        size={small ? 'small' : 'medium'}
        aria-label={t(`common.phase.${phase}`)}
        aria-valuetext={bytes ?? t(`common.phase.${phase}`)}
      />
      {quietMs !== null && !small && (
        <Typography.Text type="warning">
          {t('common.progress.quiet', { time: format.duration(quietMs) })}
        </Typography.Text>
      )}
    </Flex>
  );
}

interface Course {
  readonly of: string;
  readonly samples: readonly Sample[];
  readonly heardAt: number;
}

function begun(of: string, doneBytes: number): Course {
  const at = Date.now();
  return { of, samples: [{ at, doneBytes }], heardAt: at };
}

/** What was heard of it so far: how long it will take at that speed, and for how long nothing was heard. */
function useCourse(operation: Shown): { left: number | null; quietMs: number | null } {
  const { id, phase, doneBytes, totalBytes } = operation;
  const of = `${id} ${phase}`;
  const [course, setCourse] = useState(() => begun(of, doneBytes));
  useEffect(() => {
    setCourse((known) => {
      if (known.of !== of) return begun(of, doneBytes);
      const samples = sampled(known.samples, { at: Date.now(), doneBytes });
      // Nothing new: it was begun with that.
      return samples === known.samples ? known : { of, samples, heardAt: Date.now() };
    });
  }, [of, doneBytes]);
  const quiet = useNow(5_000) - course.heardAt;
  return {
    left: totalBytes > 0 ? timeLeft(course.samples, totalBytes) : null,
    quietMs: quiet > QUIET_MS ? quiet : null,
  };
}
