import { Table } from 'antd';
import type { TableColumnType } from 'antd';
import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { OperationTag } from '../../common/tags.tsx';
import { When } from '../../common/when.tsx';
import { Wide } from '../../common/wide.tsx';
import { Outcome } from './outcome.tsx';
import { Took } from './took.tsx';

export interface Shown {
  readonly items: OperationView[];
  readonly listedAt: number;
  /** What is shown still answers the question before. */
  readonly late: boolean;
}

export function OperationTable({ items, listedAt, late }: Shown) {
  const { t, i18n } = useTranslation();
  const unchanged = { shouldCellUpdate: (now: OperationView, before: OperationView) => now !== before };
  const columns: TableColumnType<OperationView>[] = [
    {
      ...unchanged,
      title: t('operations.kind'),
      render: (_, { id, kind }) => <Link to={`/operations/${id}`}>{t(`common.kind.${kind}`)}</Link>,
    },
    { ...unchanged, title: t('operations.instance'), render: (_, operation) => <OfInstance operation={operation} /> },
    { ...unchanged, title: t('operations.state'), render: (_, { state }) => <OperationTag of={state} /> },
    {
      title: t('operations.outcome'),
      width: 300,
      render: (_, operation) => <Outcome listed={operation} listedAt={listedAt} />,
    },
    {
      ...unchanged,
      title: t('operations.host'),
      render: (_, { host }) => host ?? <span className="secondary">{t('operations.nowhere')}</span>,
    },
    { ...unchanged, title: t('operations.when'), render: (_, { createdAt }) => <When at={createdAt} /> },
    { ...unchanged, title: t('operations.took'), render: (_, operation) => <Took operation={operation} /> },
  ];
  return (
    <Wide label={t('operations.title')} width={960}>
      <Table<OperationView>
        // In another language all of it is other; but for that, what has ended is not drawn again while others go on.
        key={i18n.language}
        rowKey="id"
        size="middle"
        columns={columns}
        dataSource={items}
        pagination={false}
        loading={late}
      />
    </Wide>
  );
}

/** What is gone has no page to go to. */
export function OfInstance({ operation: { instanceId, instanceName } }: { operation: OperationView }) {
  const { t } = useTranslation();
  if (instanceName === null) return <span title={instanceId}>{t('operations.goneInstance')}</span>;
  return (
    <Link to={`/instances/${instanceId}`} style={{ overflowWrap: 'anywhere' }}>
      {instanceName}
    </Link>
  );
}
