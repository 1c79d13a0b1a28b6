import { Button, Flex, Select } from 'antd';
import type { InstanceView } from '@varve/contracts';
import { InstanceQuery, Protection } from '@varve/contracts';
import type { z } from 'zod';
import { useTranslation } from 'react-i18next';
import { Choice } from '../../common/choice.tsx';
import { HostChoice } from '../../common/host-choice.tsx';
import { SearchInput } from '../../common/search-input.tsx';
import { useAddress } from '../../common/use-address.ts';
import { useSession } from '../../session/session.tsx';

/** What narrows the list, by its names in the address, which are those of the API. */
export const FILTERS = ['search', 'protection', 'host', 'projectId'] as const;
type Query = Partial<z.output<typeof InstanceQuery>>;

const SORTS = InstanceQuery.shape.sort.unwrap().options;

export function InstanceFilters({
  query,
  items,
  withSort,
}: {
  query: Query;
  items: readonly InstanceView[];
  withSort: boolean;
}) {
  const { t } = useTranslation();
  const { params, change } = useAddress();
  return (
    <Flex component="search" aria-label={t('common.filter.label')} gap={8} wrap>
      <SearchInput
        label={t('instances.search')}
        value={params.get('search') ?? ''}
        onSearch={(search) => change({ search }, { replace: true })}
      />
      <Choice
        label={t('instances.protection')}
        value={query.protection}
        options={Protection.options.map((value) => ({ value, label: t(`common.protection.${value}`) }))}
        onChoose={(protection) => change({ protection })}
      />
      <HostChoice value={query.host} seen={items.map(({ host }) => host)} onChoose={(host) => change({ host })} />
      <ProjectChoice value={query.projectId} seen={items.map(({ projectId }) => projectId)} />
      {withSort && (
        <Flex gap={8}>
          <Select
            aria-label={t('common.filter.sort')}
            value={query.sort ?? 'id'}
            onChange={(sort) => change({ sort })}
            options={SORTS.map((value) => ({ value, label: t(`instances.sort.${value}`) }))}
            style={{ width: 150 }}
          />
          <Select
            aria-label={t('common.filter.sort')}
            value={query.order ?? 'asc'}
            onChange={(order) => change({ order })}
            options={[
              { value: 'asc' as const, label: t('common.filter.ascending') },
              { value: 'desc' as const, label: t('common.filter.descending') },
            ]}
            style={{ width: 130 }}
          />
        </Flex>
      )}
      {FILTERS.some((name) => params.has(name)) && (
        <Button type="link" onClick={() => change(Object.fromEntries(FILTERS.map((name) => [name, null])))}>
          {t('common.filter.clear')}
        </Button>
      )}
    </Flex>
  );
}

/** For those whose lists are of all projects: those they know, and those seen. */
function ProjectChoice({ value, seen }: { value: string | undefined; seen: readonly string[] }) {
  const { t } = useTranslation();
  const { change } = useAddress();
  const { login } = useSession();
  if (!login?.session.allProjects) return null;
  const names = new Map(login.projects.map(({ id, name }) => [id as string, name]));
  const all = [...new Set([...names.keys(), ...seen])].sort();
  return (
    <Choice
      label={t('instances.project')}
      value={value}
      options={all.map((id) => ({ value: id, label: names.get(id) ?? id }))}
      onChoose={(projectId) => change({ projectId })}
      many
    />
  );
}
