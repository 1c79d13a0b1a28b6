import { Button, Card, Flex } from 'antd';
import type { InstanceView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../../shared/use-format.ts';
import { PointsTable } from '../points-table.tsx';
import { ByTime } from './by-time.tsx';

/** The second step: to when. */
export function ChoosePoint({ instance, onChoose }: { instance: InstanceView; onChoose: (uid: string) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Flex vertical gap={16}>
      <Card size="small" title={t('instance.byTime.title')}>
        <ByTime instanceId={instance.id} onChoose={({ uid }) => onChoose(uid)} />
      </Card>
      <Card size="small" title={t('instance.list.title')}>
        <PointsTable
          instanceId={instance.id}
          actions={(point) => (
            <Button
              size="small"
              onClick={() => onChoose(point.uid)}
              aria-label={t('instance.rollback.chooseAt', { time: format.moment(point.sealedAt ?? point.createdAt) })}
            >
              {t('instance.rollback.choose')}
            </Button>
          )}
        />
      </Card>
    </Flex>
  );
}
