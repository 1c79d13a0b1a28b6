import { CameraOutlined, RollbackOutlined } from '@ant-design/icons';
import { Card, Flex } from 'antd';
import type { InstanceView, SnapshotView } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate, useParams } from 'react-router';
import { PageTitle } from '../../common/page-title.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { PowerTag, ProtectionTag } from '../../common/tags.tsx';
import { ActionButton } from './action-button.tsx';
import { ChainDrawing } from './chain/chain-drawing.tsx';
import { InstanceFacts } from './instance-facts.tsx';
import { useObstacles } from './obstacles.ts';
import { PointActions } from './point-actions.tsx';
import { PointsTable } from './points-table.tsx';
import { useInstance } from './questions.ts';
import { RunningOperation } from './running-operation.tsx';
import { SnapshotDialog } from './snapshot-dialog.tsx';
import { Timeline } from './timeline/timeline.tsx';
import { UndoOffer } from './undo-offer.tsx';
import { Upkeep } from './upkeep.tsx';
import './instance.css';

export default function InstancePage() {
  const { instanceId = '' } = useParams();
  const query = useInstance(instanceId);
  return <QueryState query={query}>{(instance) => <Known instance={instance} />}</QueryState>;
}

function Known({ instance }: { instance: InstanceView }) {
  const { t } = useTranslation();
  const [taking, setTaking] = useState(false);
  const actions = (point: SnapshotView): React.ReactNode => <PointActions instance={instance} point={point} />;
  return (
    <>
      <PageTitle title={instance.name} extra={<Actions instance={instance} onSnapshot={() => setTaking(true)} />}>
        <PowerTag of={instance.state} />
        <ProtectionTag of={instance.protection} />
      </PageTitle>
      <Flex vertical gap={16}>
        <InstanceFacts instance={instance} />
        {instance.operationId !== null && <RunningOperation key={instance.operationId} id={instance.operationId} />}
        <UndoOffer instance={instance} />
        <Card size="small" title={t('instance.timeline.title')}>
          <Timeline instanceId={instance.id} actions={actions} />
        </Card>
        <ChainDrawing instance={instance} />
        <Card size="small" title={t('instance.pointsTitle')}>
          <PointsTable instanceId={instance.id} withFailed actions={actions} />
        </Card>
      </Flex>
      {taking && <SnapshotDialog instance={instance} onClose={() => setTaking(false)} />}
    </>
  );
}

function Actions({ instance, onSnapshot }: { instance: InstanceView; onSnapshot: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { of } = useObstacles(instance);
  const impossible =
    instance.unsupported && instance.unsupported.remedy !== 'retry' ? t('instance.why.unsupported') : null;
  const nowhere = instance.restorePoints === 0 ? t('instance.why.noPoints') : null;
  return (
    <>
      <ActionButton
        type="primary"
        icon={<CameraOutlined aria-hidden />}
        label={t('instance.snapshot.open')}
        why={of('snapshots:create') ?? impossible}
        onClick={onSnapshot}
      />
      <ActionButton
        icon={<RollbackOutlined aria-hidden />}
        label={t('instance.rollback.open')}
        why={of('rollbacks:create') ?? nowhere}
        onClick={() => void navigate(`/instances/${instance.id}/rollback`)}
      />
      <Upkeep instance={instance} />
    </>
  );
}
