import type { HostView } from '@varve/contracts';
import { Alert, Button, Empty, Flex } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useHosts } from '../../api/hosts.ts';
import { PageTitle } from '../../common/page-title.tsx';
import { Forbidden, QueryState } from '../../common/query-state.tsx';
import { useMay } from '../../session/session.tsx';
import { HostDrawer } from './host-drawer.tsx';
import { HostTable } from './host-table.tsx';

export default function HostsPage() {
  const { t } = useTranslation();
  const may = useMay('hosts:list');
  return (
    <>
      <PageTitle title={t('admin.hosts.title')} />
      {may ? <Hosts /> : <Forbidden />}
    </>
  );
}

function Hosts() {
  const { t } = useTranslation();
  const [shown, setShown] = useState<string | null>(null);
  return (
    <QueryState
      query={useHosts()}
      empty={{
        when: (hosts) => hosts.length === 0,
        show: (
          <Empty
            image={Empty.PRESENTED_IMAGE_SIMPLE}
            description={
              <Flex vertical gap={4}>
                <strong>{t('admin.hosts.none')}</strong>
                <span>{t('admin.hosts.noneHint')}</span>
              </Flex>
            }
          >
            <Button href="/docs/install" target="_blank">
              {t('admin.hosts.install')}
            </Button>
          </Empty>
        ),
      }}
    >
      {(hosts) => (
        <Flex vertical gap={12}>
          <Notes hosts={hosts} />
          <HostTable hosts={hosts} onShow={setShown} />
          <HostDrawer host={hosts.find(({ name }) => name === shown) ?? null} onClose={() => setShown(null)} />
        </Flex>
      )}
    </QueryState>
  );
}

/** What one should know of all of them together. */
function Notes({ hosts }: { hosts: readonly HostView[] }) {
  const { t } = useTranslation();
  const down = hosts.filter(({ up }) => !up).length;
  const versions = [...new Set(hosts.map(({ version }) => version))].sort();
  return (
    <>
      {down > 0 && <Alert type="error" showIcon title={t('admin.hosts.downNow', { count: down })} />}
      {versions.length > 1 && (
        <Alert type="info" showIcon title={t('admin.hosts.mixed', { versions: versions.join(', ') })} />
      )}
    </>
  );
}
