import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { OperationQuery } from '@varve/contracts';
import type { OperationView, Page } from '@varve/contracts';
import { Empty, Flex, Grid } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { useActiveOperations } from '../../api/operations.ts';
import { addressWith, queryFrom } from '../../common/address.ts';
import { FoundNothing } from '../../common/found-nothing.tsx';
import { PAGE_SIZE, PageTurner } from '../../common/page-turner.tsx';
import { PageTitle } from '../../common/page-title.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { useAddress } from '../../common/use-address.ts';
import { OperationCards } from './operation-cards.tsx';
import { FILTERS, OperationFilters } from './operation-filters.tsx';
import { OperationTable } from './operation-table.tsx';

/** What waits and runs, then what has ended, newest first. */
export default function OperationsPage() {
  const { t } = useTranslation();
  const api = useApi();
  const { params } = useAddress();
  const wide = Grid.useBreakpoint().md ?? true;
  const asked = { limit: PAGE_SIZE, ...queryFrom(OperationQuery, params) };
  // Where nobody asks for states, those under way come first, apart from the pages: a page turned keeps them in sight.
  const apart = asked.state === undefined && asked.active === undefined;
  const query = apart ? { ...asked, active: false } : asked;
  const page = useQuery({
    queryKey: [...keys.operations, query],
    queryFn: ({ signal }) => api.operationPage(query, { signal }),
    placeholderData: keepPreviousData,
  });
  const active = useActiveOperations(asked);
  const filtered = FILTERS.some((name) => params.has(name)) || params.has('marker');
  const running = apart ? (active.data?.items ?? []) : [];
  const Shown = wide ? OperationTable : OperationCards;

  return (
    <>
      <PageTitle title={t('operations.title')} />
      <Flex vertical gap={12}>
        <OperationFilters query={asked} seen={(page.data?.items ?? []).map(({ host }) => host)} />
        <QueryState
          // Those under way are above the others, which would be moved down by them.
          query={apart && !active.data ? active : page}
          empty={{
            when: ({ items }) => items.length === 0 && running.length === 0,
            show: filtered ? <FoundNothing filters={FILTERS} /> : <NoOperations />,
          }}
        >
          {({ items, nextMarker }: Page<OperationView>) => (
            <>
              {apart && active.data?.nextMarker && (
                <Link to={`/operations?${addressWith(params, { active: 'true' }).toString()}`}>
                  {t('operations.moreActive')}
                </Link>
              )}
              <Shown
                // The two lists are of two moments: what has just ended may be in both.
                items={[...running.filter(({ id }) => !items.some((one) => one.id === id)), ...items]}
                listedAt={Math.min(page.dataUpdatedAt, active.dataUpdatedAt)}
                late={page.isPlaceholderData}
              />
              <PageTurner nextMarker={nextMarker} limit={query.limit} late={page.isPlaceholderData} />
            </>
          )}
        </QueryState>
      </Flex>
    </>
  );
}

function NoOperations() {
  const { t } = useTranslation();
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <Flex vertical gap={4}>
          <strong>{t('operations.none')}</strong>
          <span>{t('operations.noneHint')}</span>
        </Flex>
      }
    >
      <Link to="/instances">{t('operations.toInstances')}</Link>
    </Empty>
  );
}
