import { OperationKind, OperationState } from '@varve/contracts';
import type { OperationQuery } from '@varve/contracts';
import { Button, Flex } from 'antd';
import { useTranslation } from 'react-i18next';
import { Choice } from '../../common/choice.tsx';
import { HostChoice } from '../../common/host-choice.tsx';
import { useAddress } from '../../common/use-address.ts';
import { InstanceFinder } from './instance-finder.tsx';

/** By their names in the address, which are those of the API. */
export const FILTERS = ['active', 'state', 'kind', 'host', 'instanceId'] as const;

export function OperationFilters({
  query,
  seen,
}: {
  query: Partial<OperationQuery>;
  seen: readonly (string | null)[];
}) {
  const { t } = useTranslation();
  const { params, change } = useAddress();
  return (
    <Flex component="search" aria-label={t('common.filter.label')} gap={8} wrap>
      <Choice
        label={t('operations.state')}
        value={query.active === true ? 'active' : query.state}
        options={[
          { value: 'active' as const, label: t('operations.activeState') },
          ...OperationState.options.map((value) => ({ value, label: t(`common.operationState.${value}`) })),
        ]}
        onChoose={(state) => change(state === 'active' ? { active: 'true', state: null } : { active: null, state })}
      />
      <Choice
        label={t('operations.kind')}
        value={query.kind}
        options={OperationKind.options.map((value) => ({ value, label: t(`common.kind.${value}`) }))}
        onChoose={(kind) => change({ kind })}
        width={150}
      />
      <HostChoice value={query.host} seen={seen} onChoose={(host) => change({ host })} />
      <InstanceFinder value={query.instanceId} onChoose={(instanceId) => change({ instanceId })} />
      {FILTERS.some((name) => params.has(name)) && (
        <Button type="link" onClick={() => change(Object.fromEntries(FILTERS.map((name) => [name, null])))}>
          {t('common.filter.clear')}
        </Button>
      )}
    </Flex>
  );
}
