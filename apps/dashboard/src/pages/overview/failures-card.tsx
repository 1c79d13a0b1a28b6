import { useQuery } from '@tanstack/react-query';
import { Flex, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { linkTo } from '../../common/address.ts';
import { QueryState } from '../../common/query-state.tsx';
import { useNow } from '../../common/use-now.ts';
import { useSaid } from '../../common/use-said.ts';
import { When } from '../../common/when.tsx';
import { SizedCard } from './sized-card.tsx';

const SHOWN = 5;
const DAY_MS = 86_400_000;

export function FailuresCard() {
  const { t } = useTranslation();
  const api = useApi();
  const said = useSaid();
  const now = useNow(60_000);
  const failed = useQuery({
    queryKey: [...keys.operations, 'failed'],
    queryFn: ({ signal }) => api.operationPage({ state: 'failed', limit: SHOWN }, { signal }),
  });
  const isOfLate = ({ finishedAt }: { finishedAt: string | null }): boolean =>
    finishedAt !== null && now - Date.parse(finishedAt) < DAY_MS;
  return (
    <SizedCard
      title={t('overview.failures')}
      height={180}
      stacked={46}
      extra={<Link to={linkTo('/operations', { state: 'failed' })}>{t('overview.allFailures')}</Link>}
    >
      <QueryState
        query={failed}
        empty={{
          when: ({ items }) => !items.some(isOfLate),
          show: <Typography.Text type="secondary">{t('overview.noFailures')}</Typography.Text>,
        }}
      >
        {({ items }) => (
          <Flex component="ul" vertical gap={8} style={{ listStyle: 'none', margin: 0, padding: 0 }}>
            {items.filter(isOfLate).map((operation) => (
              <li key={operation.id}>
                <Link className="in-text" to={`/operations/${operation.id}`}>
                  {t(`common.kind.${operation.kind}`)}: {operation.instanceName ?? operation.instanceId}
                </Link>
                , <When at={operation.finishedAt} />
                {operation.problem && (
                  <Typography.Paragraph type="secondary" ellipsis={{ rows: 2 }} style={{ margin: 0 }}>
                    <Typography.Text code>{operation.problem.code}</Typography.Text>{' '}
                    {said.problem(operation.problem).title}
                  </Typography.Paragraph>
                )}
              </li>
            ))}
          </Flex>
        )}
      </QueryState>
    </SizedCard>
  );
}
