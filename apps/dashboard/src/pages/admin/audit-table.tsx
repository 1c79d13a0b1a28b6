import { CheckCircleOutlined, StopOutlined } from '@ant-design/icons';
import type { AuditView } from '@varve/contracts';
import { Table, Tag, Tooltip, Typography } from 'antd';
import type { TableColumnType } from 'antd';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../common/use-format.ts';
import { Wide } from '../../common/wide.tsx';

/** Who stands for those whose token was none. */
const NOBODY = '-';

export function AuditTable({ items, late }: { items: AuditView[]; late: boolean }) {
  const { t } = useTranslation();
  const format = useFormat();
  const columns: TableColumnType<AuditView>[] = [
    {
      title: t('admin.audit.at'),
      className: 'number',
      render: (_, { at }) => (
        <time dateTime={at} style={{ whiteSpace: 'nowrap' }}>
          {format.moment(at)}
        </time>
      ),
    },
    { title: t('admin.audit.user'), render: (_, { userId }) => <Who id={userId} /> },
    { title: t('admin.audit.project'), render: (_, { projectId }) => (projectId === NOBODY ? '' : projectId) },
    {
      title: t('admin.audit.action'),
      render: (_, { action, times }) => (
        <>
          <code>{action}</code>
          {times > 1 && (
            <Tooltip title={t('admin.audit.timesAbout')}>
              <Tag style={{ marginInlineStart: 8 }}>×{format.count(times)}</Tag>
            </Tooltip>
          )}
        </>
      ),
    },
    {
      title: t('admin.audit.outcome'),
      render: (_, { outcome, code }) => (
        <>
          <Tag
            color={outcome === 'denied' ? 'error' : 'success'}
            icon={outcome === 'denied' ? <StopOutlined /> : <CheckCircleOutlined />}
          >
            {t(`admin.audit.${outcome}`)}
          </Tag>
          {code !== null && <Typography.Text code>{code}</Typography.Text>}
        </>
      ),
    },
    { title: t('admin.audit.target'), render: (_, { target }) => <Long text={target} /> },
    { title: t('admin.audit.client'), dataIndex: 'client' },
    { title: t('admin.audit.request'), render: (_, { requestId }) => <Long text={requestId} /> },
  ];
  return (
    <Wide label={t('admin.audit.title')} width={1_080}>
      <Table<AuditView>
        rowKey="id"
        size="small"
        columns={columns}
        dataSource={items}
        pagination={false}
        loading={late}
      />
    </Wide>
  );
}

function Who({ id }: { id: string }) {
  const { t } = useTranslation();
  return id === NOBODY ? <Typography.Text type="secondary">{t('admin.audit.nobody')}</Typography.Text> : <>{id}</>;
}

const Long = ({ text }: { text: string }) => <code style={{ overflowWrap: 'anywhere', fontSize: 12 }}>{text}</code>;
