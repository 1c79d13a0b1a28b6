import {
  CheckCircleOutlined,
  ClockCircleOutlined,
  CloseCircleOutlined,
  StopOutlined,
  SyncOutlined,
} from '@ant-design/icons';
import { Table, Tag, Typography } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { HelpLink } from '../../common/help-link.tsx';
import { useSaid } from '../../common/use-said.ts';
import { codeOf } from '../../i18n/service.ts';
import type { Outcome } from './ask-all.ts';
import type { Selection } from './instances-page.tsx';

const LOOK = {
  waiting: { color: 'default', icon: <ClockCircleOutlined />, text: 'instances.bulk.waiting' },
  asking: { color: 'processing', icon: <SyncOutlined spin />, text: 'instances.bulk.asking' },
  stopped: { color: 'default', icon: <StopOutlined />, text: 'instances.bulk.stopped' },
  accepted: { color: 'success', icon: <CheckCircleOutlined />, text: 'instances.bulk.done' },
  refused: { color: 'error', icon: <CloseCircleOutlined />, text: 'instances.bulk.refusal' },
} as const;
/** What asks for somebody's attention comes first. */
const RANK: Record<Outcome['is'], number> = { refused: 0, stopped: 1, asking: 2, waiting: 3, accepted: 4 };

export function BulkResults({ of, outcomes }: { of: Selection; outcomes: ReadonlyMap<string, Outcome> }) {
  const { t } = useTranslation();
  const rows = [...outcomes]
    .map(([id, outcome]) => ({ id, outcome, name: of.get(id)?.name ?? id }))
    .sort((a, b) => RANK[a.outcome.is] - RANK[b.outcome.is]);
  return (
    <Table
      size="small"
      rowKey="id"
      aria-label={t('instances.bulk.result')}
      dataSource={rows}
      pagination={rows.length > 50 ? { pageSize: 50, showSizeChanger: false } : false}
      columns={[
        {
          title: t('instances.column.name'),
          render: (_, { id, name }) => <Beside to={`/instances/${id}`}>{name}</Beside>,
        },
        {
          title: t('instances.bulk.outcome'),
          render: (_, { outcome }) => (
            <Tag color={LOOK[outcome.is].color} icon={LOOK[outcome.is].icon}>
              {t(LOOK[outcome.is].text)}
            </Tag>
          ),
        },
        { title: t('instances.bulk.operation'), render: (_, { outcome }) => <Said outcome={outcome} /> },
      ]}
    />
  );
}

function Said({ outcome }: { outcome: Outcome }) {
  const said = useSaid();
  if (outcome.is === 'accepted') {
    return <Beside to={`/operations/${outcome.operationId}`}>{outcome.operationId.slice(0, 8)}</Beside>;
  }
  if (outcome.is !== 'refused') return null;
  const code = codeOf(outcome.error);
  return (
    <>
      <span title={outcome.error.message}>{said.problem(outcome.error).title}</span>{' '}
      <HelpLink code={code} named>
        <Typography.Text code>{code}</Typography.Text>
      </HelpLink>
    </>
  );
}

/** In a tab of its own: on this page the rest is still being asked for. */
const Beside = ({ to, children }: { to: string; children: React.ReactNode }) => (
  <Link to={to} target="_blank">
    {children}
  </Link>
);
