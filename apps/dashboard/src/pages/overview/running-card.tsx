import type { OperationView } from '@varve/contracts';
import { Flex, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useActiveOperations, useHeardOf } from '../../api/operations.ts';
import { linkTo } from '../../common/address.ts';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { SizedCard } from './sized-card.tsx';

/** So many have room. */
const SHOWN = 3;

/** @param props.all - how many there are, of which not all may be listed */
export function RunningCard({ all }: { all: number }) {
  const { t } = useTranslation();
  const active = useActiveOperations();
  return (
    <SizedCard
      title={t('overview.running')}
      height={250}
      stacked={46}
      extra={<Link to="/operations">{t('overview.all')}</Link>}
    >
      <QueryState
        query={active}
        empty={{
          when: ({ items }) => items.length === 0,
          show: <Typography.Text type="secondary">{t('overview.nothingRuns')}</Typography.Text>,
        }}
      >
        {({ items, nextMarker }) => (
          <Flex vertical gap={8}>
            {items.slice(0, SHOWN).map((operation) => (
              <Running key={operation.id} listed={operation} listedAt={active.dataUpdatedAt} />
            ))}
            {items.length > SHOWN && (
              <Link to={linkTo('/operations', { active: 'true' })}>
                {t('overview.more', { count: (nextMarker ? Math.max(all, items.length) : items.length) - SHOWN })}
              </Link>
            )}
          </Flex>
        )}
      </QueryState>
    </SizedCard>
  );
}

function Running({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  const { t } = useTranslation();
  const operation = useHeardOf(listed, listedAt);
  return (
    <div>
      <Link to={`/operations/${operation.id}`}>
        {t(`common.kind.${operation.kind}`)}: {operation.instanceName ?? operation.instanceId}
      </Link>
      <OperationProgress operation={operation} />
    </div>
  );
}
