import { Card, Checkbox, Flex } from 'antd';
import type { InstanceView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ProtectionTag, PowerTag } from '../../common/tags.tsx';
import { useFormat } from '../../common/use-format.ts';
import { When } from '../../common/when.tsx';
import type { Shown } from './instance-table.tsx';
import { RunningNow } from './running-now.tsx';

/** The table where there is no room for one. */
export function InstanceCards({ items, selected, onSelect }: Shown) {
  const { t } = useTranslation();
  const toggle = (instance: InstanceView, on: boolean): void => {
    const next = new Map(selected);
    if (on) next.set(instance.id, instance);
    else next.delete(instance.id);
    onSelect(next);
  };
  return (
    <Flex component="ul" vertical gap={8} style={{ listStyle: 'none', margin: 0, padding: 0 }}>
      {items.map((instance) => (
        <li key={instance.id}>
          <Card size="small">
            <Flex gap={10} align="start">
              {selected && (
                <Checkbox
                  aria-label={t('instances.select', { name: instance.name })}
                  checked={selected.has(instance.id)}
                  onChange={({ target }) => toggle(instance, target.checked)}
                />
              )}
              <Flex vertical gap={6} style={{ flex: 1, minWidth: 0 }}>
                <Link to={`/instances/${instance.id}`} style={{ overflowWrap: 'anywhere' }}>
                  {instance.name}
                </Link>
                <Flex wrap gap={4}>
                  <ProtectionTag of={instance.protection} />
                  <PowerTag of={instance.state} />
                </Flex>
                <Facts of={instance} />
                {instance.operationId !== null && <RunningNow id={instance.operationId} />}
              </Flex>
            </Flex>
          </Card>
        </li>
      ))}
    </Flex>
  );
}

function Facts({ of }: { of: InstanceView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const facts: readonly (readonly [string, React.ReactNode])[] = [
    [t('instances.column.last'), <When key="last" at={of.lastRestorePointAt} />],
    [t('instances.column.points'), format.count(of.restorePoints)],
    [t('instances.column.stored'), `${format.bytes(of.storedBytes)} / ${format.bytes(of.virtualSizeBytes)}`],
    [t('instances.column.host'), of.host],
  ];
  return (
    <dl style={{ display: 'grid', gridTemplateColumns: 'auto 1fr', gap: '2px 12px', margin: 0 }}>
      {facts.map(([name, value]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt className="secondary">{name}</dt>
          <dd style={{ margin: 0 }} className="number">
            {value}
          </dd>
        </div>
      ))}
    </dl>
  );
}
