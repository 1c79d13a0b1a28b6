import { Alert, Descriptions, Flex, Typography } from 'antd';
import type { InstanceView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { useFormat } from '../../common/use-format.ts';
import { When } from '../../common/when.tsx';

/** What is known of an instance, and why no snapshot can be taken of it where that is so. */
export function InstanceFacts({ instance }: { instance: InstanceView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { id, host, virtualSizeBytes, lastRestorePointAt, restorePoints, storedBytes, unsupported, state } = instance;
  const copy = { text: id, tooltips: [t('common.action.copy'), t('common.action.copied')] };
  return (
    <Flex vertical gap={12}>
      <Descriptions
        size="small"
        column={{ xs: 1, sm: 2, lg: 3 }}
        items={[
          {
            key: 'id',
            label: t('instance.id'),
            children: (
              <Typography.Text code copyable={copy} style={{ wordBreak: 'break-all' }}>
                {id}
              </Typography.Text>
            ),
          },
          { key: 'host', label: t('instance.host'), children: host },
          { key: 'size', label: t('instance.size'), children: format.bytes(virtualSizeBytes) },
          { key: 'last', label: t('instance.last'), children: <When at={lastRestorePointAt} /> },
          { key: 'points', label: t('instance.points'), children: format.count(restorePoints) },
          { key: 'stored', label: t('instance.storedBytes'), children: format.bytes(storedBytes) },
        ]}
      />
      {unsupported && (
        <>
          <Alert type="warning" showIcon title={t('instance.unsupported')} />
          <ProblemAlert error={unsupported} />
        </>
      )}
      {state === 'unknown' && (
        <Alert
          type="warning"
          showIcon
          title={t('instance.hostAway', { host })}
          description={<When at={instance.seenAt} />}
        />
      )}
    </Flex>
  );
}
