import { CheckCircleOutlined, CloseCircleOutlined } from '@ant-design/icons';
import type { HostView } from '@varve/contracts';
import { Flex, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useHosts } from '../../api/hosts.ts';
import { QueryState } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { When } from '../../common/when.tsx';
import { SizedCard } from './sized-card.tsx';

/** So many that are away are named. */
const NAMED = 4;

/** For administrators: whose workers are heard of, and where space becomes scarce. */
export function HostsCard() {
  const { t } = useTranslation();
  return (
    <SizedCard
      title={t('overview.hosts')}
      height={180}
      stacked={78}
      extra={<Link to="/admin/hosts">{t('overview.allHosts')}</Link>}
    >
      <QueryState
        query={useHosts()}
        empty={{
          when: (hosts) => hosts.length === 0,
          show: <Typography.Text type="secondary">{t('overview.noHosts')}</Typography.Text>,
        }}
      >
        {(hosts) => <Health of={hosts} />}
      </QueryState>
    </SizedCard>
  );
}

function Health({ of }: { of: readonly HostView[] }) {
  const { t } = useTranslation();
  const format = useFormat();
  const down = of.filter(({ up }) => !up);
  const scarcest = of.reduce((least, host) => (host.freeBytes < least.freeBytes ? host : least));
  return (
    <Flex vertical gap={8}>
      <Flex wrap gap={4}>
        <Tag color="success" icon={<CheckCircleOutlined />}>
          {t('overview.hostsUp', { count: of.length - down.length })}
        </Tag>
        {down.length > 0 && (
          <Tag color="error" icon={<CloseCircleOutlined />}>
            {t('overview.hostsDown', { count: down.length })}
          </Tag>
        )}
      </Flex>
      {down.slice(0, NAMED).map(({ name, seenAt }) => (
        <span key={name}>
          <strong>{name}</strong>,{' '}
          <Typography.Text type="secondary">
            {t('overview.lastHeard')} <When at={seenAt} />
          </Typography.Text>
        </span>
      ))}
      {down.length > NAMED && <Link to="/admin/hosts">{t('overview.more', { count: down.length - NAMED })}</Link>}
      <span>
        <Typography.Text type="secondary">{t('overview.free')}: </Typography.Text>
        {t('overview.freeOn', { bytes: format.bytes(scarcest.freeBytes), host: scarcest.name })}
      </span>
    </Flex>
  );
}
