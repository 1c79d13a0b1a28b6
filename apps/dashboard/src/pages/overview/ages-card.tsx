import type { UseQueryResult } from '@tanstack/react-query';
import type { OverviewView } from '@varve/contracts';
import { Flex, Progress, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { QueryState } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { When } from '../../common/when.tsx';
import { SizedCard } from './sized-card.tsx';

const AGES = ['hour', 'day', 'week', 'older'] as const;

/** How old the newest restore points are, and which instance waits longest. */
export function AgesCard({ query }: { query: UseQueryResult<OverviewView> }) {
  const { t } = useTranslation();
  return (
    <SizedCard title={t('overview.ages')} height={250} stacked={194}>
      <QueryState
        query={query}
        empty={{
          when: ({ restorePoints }) => restorePoints === 0,
          show: <Link to="/instances">{t('overview.noPoints')}</Link>,
        }}
      >
        {(overview) => <Ages of={overview} />}
      </QueryState>
    </SizedCard>
  );
}

function Ages({ of }: { of: OverviewView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { lastPointAges: ages, stalest, newestRestorePointAt } = of;
  const all = AGES.reduce((sum, age) => sum + ages[age], 0);
  return (
    <Flex vertical gap={10}>
      <dl style={{ display: 'grid', gridTemplateColumns: 'auto 1fr auto', gap: '6px 12px', margin: 0 }}>
        {AGES.map((age) => (
          <div key={age} style={{ display: 'contents' }}>
            <dt>{t(`overview.age.${age}`)}</dt>
            <dd style={{ margin: 0 }} aria-hidden>
              <Progress
                percent={all === 0 ? 0 : (100 * ages[age]) / all}
                status="normal"
                showInfo={false}
                size="small"
              />
            </dd>
            <dd style={{ margin: 0, textAlign: 'end' }} className="number">
              {format.count(ages[age])}
            </dd>
          </div>
        ))}
      </dl>
      {stalest && (
        <span>
          <Typography.Text type="secondary">{t('overview.stalest')}: </Typography.Text>
          <Link className="in-text" to={`/instances/${stalest.instanceId}`}>
            {stalest.name}
          </Link>
          , <When at={stalest.at} />
        </span>
      )}
      <span>
        <Typography.Text type="secondary">{t('overview.newest')}: </Typography.Text>
        <When at={newestRestorePointAt} /> · {t('overview.points', { count: of.restorePoints })}
      </span>
    </Flex>
  );
}
