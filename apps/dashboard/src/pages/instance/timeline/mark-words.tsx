import { Descriptions, Flex, Typography } from 'antd';
import type { TimelinePoint } from '@varve/contracts';
import { useCallback } from 'react';
import { useTranslation } from 'react-i18next';
import { ProblemAlert } from '../../../common/problem-alert.tsx';
import { SnapshotTag } from '../../../common/tags.tsx';
import { useFormat } from '../../../common/use-format.ts';
import { When } from '../../../common/when.tsx';
import type { Mark } from './marks.ts';
import { branchOf, momentOf } from './marks.ts';

/** What a sign stands for, in one sentence; for those who do not see it. */
export function useWords(): (mark: Mark) => string {
  const { t } = useTranslation();
  const format = useFormat();
  return useCallback(
    (mark) => {
      const branch = t('instance.timeline.branch', { number: branchOf(mark) + 1 });
      if (mark.kind === 'group') {
        const { from, to, available, failed } = mark.group;
        return [
          t('instance.timeline.group', { count: available + failed, from: format.moment(from), to: format.moment(to) }),
          ...(failed > 0 ? [t('instance.timeline.groupFailed', { count: failed })] : []),
          branch,
          t('instance.timeline.groupHint'),
        ].join(', ');
      }
      const { name, status, consistency, stallMs, changedBytes } = mark.point;
      return [
        format.moment(momentOf(mark.point)),
        ...(name === null ? [] : [name]),
        t(`common.snapshotStatus.${status}`),
        ...(consistency === null ? [] : [t(`common.consistency.${consistency}`)]),
        ...(stallMs === null ? [] : [`${t('instance.point.stall')} ${format.duration(stallMs)}`]),
        ...(changedBytes === null ? [] : [`${t('instance.point.changed')} ${format.bytes(changedBytes)}`]),
        branch,
      ].join(', ');
    },
    [t, format],
  );
}

/** The same for all, below the picture. */
export function MarkDetails({ mark, actions }: { mark: Mark; actions: React.ReactNode }) {
  const { t } = useTranslation();
  const words = useWords();
  if (mark.kind === 'group') return <Typography.Text>{words(mark)}</Typography.Text>;
  return (
    <PointDetails
      point={mark.point}
      actions={actions}
      label={t('instance.timeline.branch', { number: branchOf(mark) + 1 })}
    />
  );
}

function PointDetails({ point, actions, label }: { point: TimelinePoint; actions: React.ReactNode; label: string }) {
  const { t } = useTranslation();
  const format = useFormat();
  const at = momentOf(point);
  return (
    <Flex vertical gap={8}>
      <Flex gap={8} wrap align="center" justify="space-between">
        <Flex gap={8} wrap align="center">
          <strong className="number">{format.moment(at)}</strong>
          <Typography.Text type="secondary">
            <When at={at} />
          </Typography.Text>
          {point.name !== null && <strong>{point.name}</strong>}
          <SnapshotTag of={point.status} />
        </Flex>
        {actions}
      </Flex>
      <Descriptions
        size="small"
        column={{ xs: 1, sm: 2, lg: 5 }}
        items={[
          ...(point.consistency === null
            ? []
            : [
                {
                  key: 'consistency',
                  label: t('instance.point.consistency'),
                  children: t(`common.consistency.${point.consistency}`),
                },
              ]),
          { key: 'stall', label: t('instance.point.stall'), children: format.duration(point.stallMs) },
          { key: 'changed', label: t('instance.point.changed'), children: format.bytes(point.changedBytes) },
          { key: 'stored', label: t('instance.point.stored'), children: format.bytes(point.uploadedBytes) },
          { key: 'branch', label: t('instance.timeline.lane'), children: label },
        ]}
      />
      {point.problem && <ProblemAlert error={point.problem} />}
    </Flex>
  );
}
