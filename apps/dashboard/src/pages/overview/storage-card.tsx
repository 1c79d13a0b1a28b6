import { keepPreviousData, useQuery } from '@tanstack/react-query';
import type { StorageHistory } from '@varve/contracts';
import { Button, Flex, Segmented, Statistic, Typography } from 'antd';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { OrElse } from '../../common/or-else.tsx';
import { QueryState, Waiting } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { SizedCard } from './sized-card.tsx';
import { StorageTable } from './storage-table.tsx';

// The chart's library is half as large as the rest of the page, which is there before it.
const StorageChart = lazy(() => import('./storage-chart.tsx'));
const CHART_HEIGHT = 240;

const DAYS = { week: 7, month: 30, year: 365, all: null } as const;
type Range = keyof typeof DAYS;
const RANGES: readonly Range[] = ['week', 'month', 'year', 'all'];

/**
 * What is stored, what full copies would take, and how both grew.
 *
 * @param props.ask - whether it may be asked for yet: with many points the database has more to do for it than for all the
 *   rest of the page
 */
export function StorageCard({ ask }: { ask: boolean }) {
  const { t } = useTranslation();
  const api = useApi();
  const [range, setRange] = useState<Range>('all');
  const [asTable, setAsTable] = useState(false);
  const history = useQuery({
    queryKey: [...keys.storage, range],
    queryFn: ({ signal }) => api.storageHistory(since(range), { signal }),
    placeholderData: keepPreviousData,
    enabled: ask,
  });
  return (
    <SizedCard
      title={t('overview.storage.title')}
      height={CHART_HEIGHT + 90}
      extra={
        <Flex gap={8} wrap>
          <Segmented<Range>
            aria-label={t('overview.storage.range')}
            value={range}
            onChange={setRange}
            options={RANGES.map((value) => ({ value, label: t(`overview.storage.${value}`) }))}
          />
          <Button aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
            {t(`overview.storage.${asTable ? 'chart' : 'table'}`)}
          </Button>
        </Flex>
      }
    >
      <QueryState
        query={history}
        empty={{
          when: ({ items }) => items.every(({ restorePoints }) => restorePoints === 0),
          show: <Typography.Text type="secondary">{t('overview.storage.none')}</Typography.Text>,
        }}
      >
        {(data) => (
          <Flex vertical gap={8}>
            <Now of={data} />
            {asTable ? (
              <StorageTable of={data} />
            ) : (
              <OrElse fallback={<WithoutChart of={data} />}>
                <Suspense fallback={<WaitingForChart />}>
                  <StorageChart of={data} height={CHART_HEIGHT} />
                </Suspense>
              </OrElse>
            )}
          </Flex>
        )}
      </QueryState>
    </SizedCard>
  );
}

const WaitingForChart = () => (
  <div style={{ height: CHART_HEIGHT }}>
    <Waiting forCode />
  </div>
);

function WithoutChart({ of }: { of: StorageHistory }) {
  const { t } = useTranslation();
  return (
    <>
      <Typography.Text type="secondary">{t('overview.storage.noChart')}</Typography.Text>
      <StorageTable of={of} />
    </>
  );
}

function since(range: Range): { from?: string } {
  const days = DAYS[range];
  return days === null ? {} : { from: new Date(Date.now() - days * 86_400_000).toISOString() };
}

function Now({ of }: { of: StorageHistory }) {
  const { t } = useTranslation();
  const format = useFormat();
  const last = of.items.at(-1);
  if (!last) return null;
  const saved = Math.max(0, last.fullCopiesBytes - last.storedBytes);
  const share = last.fullCopiesBytes > 0 ? ` (${Math.floor((100 * saved) / last.fullCopiesBytes)} %)` : '';
  return (
    <Flex gap={32} wrap>
      <Statistic title={t('overview.storage.stored')} value={format.bytes(last.storedBytes)} />
      <Statistic title={t('overview.storage.full')} value={format.bytes(last.fullCopiesBytes)} />
      <Statistic title={t('overview.storage.saved')} value={format.bytes(saved) + share} />
    </Flex>
  );
}
