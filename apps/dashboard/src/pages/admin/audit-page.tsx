import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { AuditQuery } from '@varve/contracts';
import { Empty, Flex } from 'antd';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { queryFrom } from '../../common/address.ts';
import { FoundNothing } from '../../common/found-nothing.tsx';
import { PAGE_SIZE, PageTurner } from '../../common/page-turner.tsx';
import { PageTitle } from '../../common/page-title.tsx';
import { Forbidden, QueryState } from '../../common/query-state.tsx';
import { useAddress } from '../../common/use-address.ts';
import { useMay } from '../../session/session.tsx';
import { AuditFilters, FILTERS } from './audit-filters.tsx';
import { AuditTable } from './audit-table.tsx';

export default function AuditPage() {
  const { t } = useTranslation();
  const may = useMay('audit:list');
  return (
    <>
      <PageTitle title={t('admin.audit.title')} />
      {may ? <Audit /> : <Forbidden />}
    </>
  );
}

function Audit() {
  const { t } = useTranslation();
  const api = useApi();
  const { params } = useAddress();
  const query = { limit: PAGE_SIZE, ...queryFrom(AuditQuery, params) };
  const page = useQuery({
    queryKey: [...keys.audit, query],
    queryFn: ({ signal }) => api.auditPage(query, { signal }),
    placeholderData: keepPreviousData,
    // Whatever one did on another page is in it: what was seen before is not shown as if it were all.
    staleTime: 0,
  });
  const filtered = FILTERS.some((name) => params.has(name)) || params.has('marker');
  return (
    <Flex vertical gap={12}>
      <AuditFilters query={query} />
      <QueryState
        query={page}
        empty={{
          when: ({ items }) => items.length === 0,
          show: filtered ? (
            <FoundNothing filters={FILTERS} />
          ) : (
            <Empty
              image={Empty.PRESENTED_IMAGE_SIMPLE}
              description={
                <Flex vertical gap={4}>
                  <strong>{t('admin.audit.none')}</strong>
                  <span>{t('admin.audit.noneHint')}</span>
                </Flex>
              }
            />
          ),
        }}
      >
        {({ items, nextMarker }) => (
          <>
            <AuditTable items={items} late={page.isPlaceholderData} />
            <PageTurner nextMarker={nextMarker} limit={query.limit} late={page.isPlaceholderData} />
          </>
        )}
      </QueryState>
    </Flex>
  );
}
