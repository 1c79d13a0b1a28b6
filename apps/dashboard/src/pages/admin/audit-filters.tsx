import { AuditQuery } from '@varve/contracts';
import { Button, DatePicker, Flex } from 'antd';
import dayjs from 'dayjs';
import { useTranslation } from 'react-i18next';
import { Choice } from '../../common/choice.tsx';
import { SearchInput } from '../../common/search-input.tsx';
import { useAddress } from '../../common/use-address.ts';

/** By their names in the address, which are those of the API. */
export const FILTERS = ['from', 'to', 'userId', 'projectId', 'action', 'outcome'] as const;

const OUTCOMES = AuditQuery.shape.outcome.unwrap().options;

export function AuditFilters({ query }: { query: Partial<AuditQuery> }) {
  const { t } = useTranslation();
  const { params, change } = useAddress();
  const day = (at: string | undefined) => (at === undefined ? null : dayjs(at));
  return (
    <Flex component="search" aria-label={t('common.filter.label')} gap={8} wrap>
      {/* Two of them and not one of a range: either may be open, and both fit on a phone. */}
      {(['from', 'to'] as const).map((end) => (
        <DatePicker
          key={end}
          showTime
          aria-label={t(`admin.audit.${end}`)}
          placeholder={t(`admin.audit.${end}`)}
          value={day(query[end])}
          onChange={(at) => change({ [end]: at ? at.toISOString() : null })}
        />
      ))}
      {(['userId', 'projectId', 'action'] as const).map((name) => (
        <SearchInput
          key={name}
          label={t(`admin.audit.${LABEL[name]}`)}
          value={params.get(name) ?? ''}
          onSearch={(text) => change({ [name]: text }, { replace: true })}
          width={name === 'action' ? 270 : 160}
        />
      ))}
      <Choice
        label={t('admin.audit.outcome')}
        value={query.outcome}
        options={OUTCOMES.map((value) => ({ value, label: t(`admin.audit.${value}`) }))}
        onChoose={(outcome) => change({ outcome })}
        width={140}
      />
      {FILTERS.some((name) => params.has(name)) && (
        <Button type="link" onClick={() => change(Object.fromEntries(FILTERS.map((name) => [name, null])))}>
          {t('common.filter.clear')}
        </Button>
      )}
    </Flex>
  );
}

const LABEL = { userId: 'userFilter', projectId: 'projectFilter', action: 'actionFilter' } as const;
