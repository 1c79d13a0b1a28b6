import { CameraOutlined } from '@ant-design/icons';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { InstanceQuery } from '@varve/contracts';
import type { InstanceView } from '@varve/contracts';
import { Button, Empty, Flex, Grid, Typography } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { queryFrom } from '../../common/address.ts';
import { FoundNothing } from '../../common/found-nothing.tsx';
import { PAGE_SIZE, PageTurner } from '../../common/page-turner.tsx';
import { PageTitle } from '../../common/page-title.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { useAddress } from '../../common/use-address.ts';
import { useMay } from '../../session/session.tsx';
import { BulkSnapshot } from './bulk-snapshot.tsx';
import { InstanceCards } from './instance-cards.tsx';
import { FILTERS, InstanceFilters } from './instance-filters.tsx';
import { InstanceTable } from './instance-table.tsx';
import type { Shown } from './instance-table.tsx';

/** Instances by name and id, as far as they were seen when they were chosen: they may be on other pages. */
export type Selection = ReadonlyMap<string, Pick<InstanceView, 'id' | 'name'>>;

export default function InstancesPage() {
  const { t } = useTranslation();
  const api = useApi();
  const { params } = useAddress();
  const mayTake = useMay('snapshots:create');
  const wide = Grid.useBreakpoint().md ?? true;
  const [selected, setSelected] = useState<Selection>(new Map());
  const [taking, setTaking] = useState<Selection | null>(null);

  const opener = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setTaking(null);
    // Who goes by keyboard goes on from where it was opened; with nothing selected any more, from the list.
    requestAnimationFrame(() =>
      (opener.current?.disabled ? document.getElementById('content') : opener.current)?.focus(),
    );
  };

  const query = { limit: PAGE_SIZE, ...queryFrom(InstanceQuery, params) };
  const page = useQuery({
    queryKey: [...keys.instances, query],
    queryFn: ({ signal }) => api.instancePage(query, { signal }),
    placeholderData: keepPreviousData,
  });
  const filtered = FILTERS.some((name) => params.has(name)) || params.has('marker');

  return (
    <>
      <PageTitle
        title={t('instances.title')}
        extra={
          mayTake && (
            <Button
              ref={opener}
              type="primary"
              icon={<CameraOutlined />}
              disabled={selected.size === 0}
              onClick={() => setTaking(selected)}
            >
              {selected.size === 0 ? t('instances.bulk.title') : t('instances.bulk.open', { count: selected.size })}
            </Button>
          )
        }
      />
      <Flex vertical gap={12}>
        <InstanceFilters query={query} items={page.data?.items ?? []} withSort={!wide} />
        {selected.size > 0 && (
          <Flex gap={8} align="center">
            <Typography.Text role="status">{t('instances.selected', { count: selected.size })}</Typography.Text>
            <Button size="small" onClick={() => setSelected(new Map())}>
              {t('instances.unselect')}
            </Button>
          </Flex>
        )}
        <QueryState
          query={page}
          empty={{
            when: ({ items }) => items.length === 0,
            show: filtered ? <FoundNothing filters={FILTERS} /> : <NoInstances />,
          }}
        >
          {({ items, nextMarker }) => {
            const shown: Shown = {
              items,
              query,
              selected: mayTake ? selected : null,
              onSelect: setSelected,
              late: page.isPlaceholderData,
            };
            return (
              <>
                {wide ? <InstanceTable {...shown} /> : <InstanceCards {...shown} />}
                <PageTurner nextMarker={nextMarker} limit={query.limit} late={page.isPlaceholderData} />
              </>
            );
          }}
        </QueryState>
      </Flex>
      {taking && <BulkSnapshot of={taking} onClose={close} onDone={() => setSelected(new Map())} />}
    </>
  );
}

function NoInstances() {
  const { t } = useTranslation();
  return (
    <Empty
      image={Empty.PRESENTED_IMAGE_SIMPLE}
      description={
        <Flex vertical gap={4}>
          <strong>{t('instances.none')}</strong>
          <span>{t('instances.noneHint')}</span>
        </Flex>
      }
    >
      <Button href="/docs/install" target="_blank">
        {t('instances.install')}
      </Button>
    </Empty>
  );
}
