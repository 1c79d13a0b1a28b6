import { Button, Card, Flex } from 'antd';
import type { InstanceView, SnapshotView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../../common/use-format.ts';
import { PointsTable } from '../points-table.tsx';
import { Timeline } from '../timeline/timeline.tsx';
import { ByTime } from './by-time.tsx';

/** The second step: to when. By its time, on the time line or in a list, as is nearest at hand. */
export function ChoosePoint({ instance, onChoose }: { instance: InstanceView; onChoose: (uid: string) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const choose = (point: SnapshotView): React.ReactNode =>
    point.status === 'available' && (
      <Button size="small" onClick={() => onChoose(point.uid)}>
        {t('instance.rollback.choose')}
        <span className="visually-hidden"> {format.moment(point.sealedAt ?? point.createdAt)}</span>
      </Button>
    );
  return (
    <Flex vertical gap={16}>
      <Card size="small" title={t('instance.byTime.title')}>
        <ByTime instanceId={instance.id} onChoose={({ uid }) => onChoose(uid)} />
      </Card>
      <Card size="small" title={t('instance.rollback.onTimeline')}>
        <Timeline
          instanceId={instance.id}
          actions={choose}
          onEnter={({ status, uid }) => {
            if (status === 'available') onChoose(uid);
          }}
        />
      </Card>
      <Card size="small" title={t('instance.rollback.inList')}>
        <PointsTable instanceId={instance.id} actions={choose} />
      </Card>
    </Flex>
  );
}
