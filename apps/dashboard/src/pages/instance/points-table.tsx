import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Button, Empty, Flex, Segmented, Table, Tag, Typography } from 'antd';
import type { SnapshotView } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { QueryState } from '../../common/query-state.tsx';
import { SnapshotTag } from '../../common/tags.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useSaid } from '../../common/use-said.ts';

const PAGE = 10;

interface Props {
  readonly instanceId: string;
  /** Without: only those that one can go back to. */
  readonly withFailed?: boolean;
  /** What can be done with a point. */
  readonly actions: (point: SnapshotView) => React.ReactNode;
}

/** Restore points, newest first, page by page: all that the time line says, in words. */
export function PointsTable({ instanceId, withFailed = false, actions }: Props) {
  const { t } = useTranslation();
  const api = useApi();
  const format = useFormat();
  const [all, setAll] = useState(false);
  /** Markers of the pages up to this one. */
  const [markers, setMarkers] = useState<readonly string[]>([]);
  const marker = markers.at(-1);
  const page = useQuery({
    queryKey: [...keys.points(instanceId), all, marker],
    queryFn: ({ signal }) => {
      const query = { limit: PAGE, ...(marker !== undefined && { marker }) };
      return all
        ? api.snapshotPage(instanceId, query, { signal })
        : api.restorePointPage(instanceId, query, { signal });
    },
    placeholderData: keepPreviousData,
  });
  const next = page.data?.nextMarker ?? null;
  return (
    <Flex vertical gap={8}>
      {withFailed && (
        <Segmented<'available' | 'all'>
          aria-label={t('instance.list.which')}
          value={all ? 'all' : 'available'}
          onChange={(which) => {
            setAll(which === 'all');
            setMarkers([]);
          }}
          options={(['available', 'all'] as const).map((value) => ({ value, label: t(`instance.list.${value}`) }))}
          style={{ alignSelf: 'start' }}
        />
      )}
      <QueryState
        query={page}
        empty={{ when: ({ items }) => items.length === 0 && markers.length === 0, show: <NoPoints /> }}
      >
        {({ items }) => (
          <Table<SnapshotView>
            size="small"
            rowKey="uid"
            dataSource={items}
            pagination={false}
            loading={page.isPlaceholderData}
            columns={[
              {
                title: t('instance.point.at'),
                key: 'at',
                render: (_, point) => <Named point={point} />,
              },
              {
                title: t('instance.point.consistency'),
                responsive: ['lg'],
                render: (_, { consistency }) => consistency && t(`common.consistency.${consistency}`),
              },
              {
                title: t('instance.point.stall'),
                responsive: ['lg'],
                align: 'end',
                className: 'number',
                render: (_, { stallMs }) => format.duration(stallMs),
              },
              {
                title: t('instance.point.changed'),
                responsive: ['md'],
                align: 'end',
                className: 'number',
                render: (_, { changedBytes }) => format.bytes(changedBytes),
              },
              {
                title: t('instance.point.stored'),
                responsive: ['lg'],
                align: 'end',
                className: 'number',
                render: (_, { uploadedBytes }) => format.bytes(uploadedBytes),
              },
              {
                title: <span className="visually-hidden">{t('instance.list.actions')}</span>,
                key: 'actions',
                align: 'end',
                render: (_, point) => actions(point),
              },
            ]}
          />
        )}
      </QueryState>
      {(markers.length > 0 || next !== null) && (
        <Flex component="nav" aria-label={t('instance.list.pages')} gap={8} align="center" justify="end" wrap>
          <Button disabled={markers.length === 0} onClick={() => setMarkers(markers.slice(0, -1))}>
            {t('instance.list.newer')}
          </Button>
          <span className="number">{t('instance.list.page', { number: markers.length + 1 })}</span>
          <Button
            disabled={next === null || page.isPlaceholderData}
            onClick={() => next !== null && setMarkers([...markers, next])}
          >
            {t('instance.list.older')}
          </Button>
        </Flex>
      )}
    </Flex>
  );
}

function Named({ point: { name, sealedAt, createdAt, status, healed, problem } }: { point: SnapshotView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const said = useSaid();
  const at = sealedAt ?? createdAt;
  return (
    <Flex vertical gap={2}>
      <Flex gap={8} wrap align="center">
        <time dateTime={at} className="number">
          {format.moment(at)}
        </time>
        {status !== 'available' && <SnapshotTag of={status} />}
        {healed && <Tag>{t('instance.point.healed')}</Tag>}
      </Flex>
      {name !== null && <Typography.Text strong>{name}</Typography.Text>}
      {problem && (
        <Typography.Text type="danger" title={problem.message}>
          {said.problem(problem).title}
        </Typography.Text>
      )}
    </Flex>
  );
}

export function NoPoints() {
  const { t } = useTranslation();
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <Flex vertical gap={4}>
          <strong>{t('instance.list.none')}</strong>
          <span>{t('instance.list.noneHint')}</span>
        </Flex>
      }
    />
  );
}
