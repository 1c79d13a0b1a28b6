import { useQuery } from '@tanstack/react-query';
import { Col, Row } from 'antd';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { PageTitle } from '../../common/page-title.tsx';
import { useMay } from '../../session/session.tsx';
import { AgesCard } from './ages-card.tsx';
import { EmptyCloud } from './empty-cloud.tsx';
import { FailuresCard } from './failures-card.tsx';
import { HostsCard } from './hosts-card.tsx';
import { ProtectionCards } from './protection-cards.tsx';
import { RunningCard } from './running-card.tsx';
import { StorageCard } from './storage-card.tsx';

/** Ages on the page grow though nothing happens. Milliseconds. */
const LOOK_EVERY_MS = 60_000;

/** All at a glance. Each card asks for itself and has its size before it has its answer. */
export default function OverviewPage() {
  const { t } = useTranslation();
  const api = useApi();
  const seesHosts = useMay('hosts:list');
  const overview = useQuery({
    queryKey: keys.overview,
    queryFn: ({ signal }) => api.overview({ signal }),
    refetchInterval: LOOK_EVERY_MS,
  });
  if (overview.data?.instances.total === 0) {
    return (
      <>
        <PageTitle title={t('overview.title')} />
        <EmptyCloud />
      </>
    );
  }
  const { queued, running } = overview.data?.operations ?? { queued: 0, running: 0 };
  const half = { xs: 24, xl: 12 };
  return (
    <>
      <PageTitle title={t('overview.title')} />
      <Row gutter={[16, 16]}>
        <Col span={24}>
          <ProtectionCards query={overview} />
        </Col>
        <Col {...half}>
          <RunningCard all={queued + running} />
        </Col>
        <Col {...half}>
          <AgesCard query={overview} />
        </Col>
        <Col span={24}>
          <StorageCard ask={!overview.isPending} />
        </Col>
        <Col xs={24} xl={seesHosts ? 12 : 24}>
          <FailuresCard />
        </Col>
        {seesHosts && (
          <Col {...half}>
            <HostsCard />
          </Col>
        )}
      </Row>
    </>
  );
}
