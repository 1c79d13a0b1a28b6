import type { HostView } from '@varve/contracts';
import { Descriptions, Drawer, Flex, Grid, Table, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../common/use-format.ts';
import { WorkerTag } from './host-table.tsx';

/** What a worker says of itself: its settings are those that it runs with, whatever its file says by now. */
export function HostDrawer({ host, onClose }: { host: HostView | null; onClose: () => void }) {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().md ?? true;
  return (
    <Drawer
      open={host !== null}
      onClose={onClose}
      size={wide ? 640 : '100%'}
      title={host && t('admin.hosts.details', { name: host.name })}
    >
      {host && <Details of={host} />}
    </Drawer>
  );
}

function Details({ of }: { of: HostView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const settings = Object.entries(of.settings).sort(([a], [b]) => a.localeCompare(b));
  return (
    // To be reached by keyboard, and so moved by it: nothing in it is.
    <Flex vertical gap={16} tabIndex={0} role="region" aria-label={t('admin.hosts.details', { name: of.name })}>
      <Descriptions
        column={1}
        size="small"
        items={[
          { key: 'state', label: t('admin.hosts.state'), children: <WorkerTag up={of.up} /> },
          { key: 'seen', label: t('admin.hosts.seenAt'), children: format.moment(of.seenAt) },
          { key: 'started', label: t('admin.hosts.startedAt'), children: format.moment(of.startedAt) },
          { key: 'free', label: t('admin.hosts.free'), children: format.bytes(of.freeBytes) },
          {
            key: 'versions',
            label: t('admin.hosts.versions'),
            children: [`varve ${of.version}`, ...Object.entries(of.versions).map(([name, is]) => `${name} ${is}`)].join(
              ', ',
            ),
          },
        ]}
      />
      <Typography.Title level={2} style={{ margin: 0, fontSize: 16 }}>
        {t('admin.hosts.settings')}
      </Typography.Title>
      {settings.length === 0 ? (
        <Typography.Text type="secondary">{t('admin.hosts.settingsNone')}</Typography.Text>
      ) : (
        <Table
          size="small"
          rowKey={([name]) => name}
          aria-label={t('admin.hosts.settings')}
          dataSource={settings}
          pagination={false}
          columns={[
            { title: t('admin.hosts.setting'), render: (_, [name]) => <code>{name}</code> },
            {
              title: t('admin.hosts.value'),
              render: (_, [, value]) => <code style={{ overflowWrap: 'anywhere' }}>{value}</code>,
            },
          ]}
        />
      )}
    </Flex>
  );
}
