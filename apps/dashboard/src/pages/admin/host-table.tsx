import { CheckCircleOutlined, CloseCircleOutlined } from '@ant-design/icons';
import type { HostView } from '@varve/contracts';
import { Button, Table, Tag, Tooltip } from 'antd';
import type { TableColumnType } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { linkTo } from '../../common/address.ts';
import { useFormat } from '../../common/use-format.ts';
import { When } from '../../common/when.tsx';
import { Wide } from '../../common/wide.tsx';

type Column = TableColumnType<HostView>;

/** All of them are here: the browser sorts. Those that are away come first. */
export function HostTable({ hosts, onShow }: { hosts: HostView[]; onShow: (name: string) => void }) {
  const { t } = useTranslation();
  const format = useFormat();
  const numbers = { align: 'end', className: 'number' } as const;
  const columns: Column[] = [
    {
      title: t('admin.hosts.name'),
      render: (_, { name }) => (
        <Button type="link" style={{ padding: 0 }} onClick={() => onShow(name)}>
          {name}
        </Button>
      ),
      sorter: (a, b) => a.name.localeCompare(b.name),
    },
    {
      title: t('admin.hosts.state'),
      render: (_, { up }) => <WorkerTag up={up} />,
      sorter: (a, b) => Number(a.up) - Number(b.up),
      defaultSortOrder: 'ascend',
    },
    { title: t('admin.hosts.seenAt'), render: (_, { seenAt }) => <When at={seenAt} /> },
    { title: t('admin.hosts.version'), dataIndex: 'version' },
    {
      title: t('admin.hosts.free'),
      ...numbers,
      render: (_, { freeBytes }) => format.bytes(freeBytes),
      sorter: (a, b) => a.freeBytes - b.freeBytes,
    },
    {
      title: t('admin.hosts.instances'),
      ...numbers,
      render: (_, { name, instances }) => (
        <Link to={linkTo('/instances', { host: name })}>{format.count(instances)}</Link>
      ),
      sorter: (a, b) => a.instances - b.instances,
    },
    {
      title: (
        <Tooltip title={t('admin.hosts.journalsAbout')}>
          <span>{t('admin.hosts.journals')}</span>
        </Tooltip>
      ),
      ...numbers,
      render: (_, { name, openJournals }) =>
        openJournals === 0 ? (
          format.count(0)
        ) : (
          <Link to={linkTo('/operations', { host: name, active: 'true' })}>{format.count(openJournals)}</Link>
        ),
      sorter: (a, b) => a.openJournals - b.openJournals,
    },
    { title: t('admin.hosts.startedAt'), render: (_, { startedAt }) => <When at={startedAt} /> },
  ];
  return (
    <Wide label={t('admin.hosts.title')} width={860}>
      <Table<HostView>
        rowKey="name"
        size="middle"
        columns={columns}
        dataSource={hosts}
        showSorterTooltip={false}
        pagination={hosts.length > 50 ? { pageSize: 50, showSizeChanger: false } : false}
      />
    </Wide>
  );
}

export function WorkerTag({ up }: { up: boolean }) {
  const { t } = useTranslation();
  return up ? (
    <Tag color="success" icon={<CheckCircleOutlined />}>
      {t('admin.hosts.up')}
    </Tag>
  ) : (
    <Tag color="error" icon={<CloseCircleOutlined />}>
      {t('admin.hosts.down')}
    </Tag>
  );
}
