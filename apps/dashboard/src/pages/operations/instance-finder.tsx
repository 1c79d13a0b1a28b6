import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { Select } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { useDebounced } from '../../common/use-debounced.ts';
import { useSaid } from '../../common/use-said.ts';

const FOUND_AT_MOST = 20;

/** One instance among thousands: the API looks for it while its name is being typed. */
export function InstanceFinder({
  value,
  onChoose,
}: {
  value: string | undefined;
  onChoose: (id: string | null) => void;
}) {
  const { t } = useTranslation();
  const api = useApi();
  const said = useSaid();
  const [search, setSearch] = useState('');
  const [typed, setTyped] = useDebounced(search, setSearch);
  const [open, setOpen] = useState(false);
  const found = useQuery({
    queryKey: [...keys.instances, 'found', search],
    queryFn: ({ signal }) =>
      api.instancePage({ ...(search && { search }), sort: 'name', limit: FOUND_AT_MOST }, { signal }),
    enabled: open,
    placeholderData: keepPreviousData,
  });
  const chosen = useQuery({
    queryKey: keys.instance(value ?? ''),
    queryFn: ({ signal }) => api.instance(value ?? '', { signal }),
    enabled: value !== undefined,
  });
  const options = (found.data?.items ?? []).map(({ id, name }) => ({ value: id as string, label: name }));
  if (value !== undefined && !options.some((one) => one.value === value)) {
    options.push({ value, label: chosen.data?.name ?? value });
  }
  return (
    <Select
      aria-label={t('operations.instance')}
      placeholder={t('operations.findInstance')}
      {...(value !== undefined && { value })}
      options={options}
      showSearch={{ filterOption: false, searchValue: typed, onSearch: setTyped }}
      loading={found.isFetching}
      notFoundContent={found.error ? said.problem(found.error).title : t('common.filter.nothing')}
      onOpenChange={setOpen}
      onChange={(id: string | undefined) => onChoose(id ?? null)}
      allowClear
      popupMatchSelectWidth={false}
      style={{ width: 220, maxWidth: '100%' }}
    />
  );
}
