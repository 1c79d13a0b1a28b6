import { Table } from 'antd';
import type { TableColumnType } from 'antd';
import type { InstanceQuery, InstanceView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ProtectionTag, PowerTag } from '../../common/tags.tsx';
import { useAddress } from '../../common/use-address.ts';
import { useFormat } from '../../common/use-format.ts';
import { When } from '../../common/when.tsx';
import { Wide } from '../../common/wide.tsx';
import type { Selection } from './instances-page.tsx';
import { RunningNow } from './running-now.tsx';

export interface Shown {
  readonly items: InstanceView[];
  readonly query: Partial<InstanceQuery>;
  /** `null`: there is nothing to select them for. */
  readonly selected: Selection | null;
  readonly onSelect: (selected: Selection) => void;
  /** What is shown still answers the question before. */
  readonly late: boolean;
}

type Sort = InstanceQuery['sort'];

export function InstanceTable({ items, query, selected, onSelect, late }: Shown) {
  const { t, i18n } = useTranslation();
  const format = useFormat();
  const { change } = useAddress();
  const sorted = (sort: Sort): Pick<TableColumnType<InstanceView>, 'sorter' | 'sortOrder' | 'key'> => ({
    key: sort,
    sorter: true,
    sortOrder: query.sort === sort ? (query.order === 'desc' ? 'descend' : 'ascend') : null,
  });
  const columns: TableColumnType<InstanceView>[] = [
    {
      title: t('instances.column.name'),
      ...sorted('name'),
      render: (_, { id, name }) => (
        <>
          <Link to={`/instances/${id}`}>{name}</Link>
          <br />
          <code className="secondary" title={id}>
            {id.slice(0, 8)}
          </code>
        </>
      ),
    },
    { title: t('instances.column.protection'), render: (_, { protection }) => <ProtectionTag of={protection} /> },
    { title: t('instances.column.power'), render: (_, { state }) => <PowerTag of={state} /> },
    { title: t('instances.column.host'), ...sorted('host'), dataIndex: 'host' },
    {
      title: t('instances.column.last'),
      ...sorted('lastRestorePointAt'),
      render: (_, { lastRestorePointAt }) => <When at={lastRestorePointAt} />,
    },
    {
      title: t('instances.column.points'),
      align: 'end',
      className: 'number',
      render: (_, { restorePoints }) => format.count(restorePoints),
    },
    {
      title: t('instances.column.stored'),
      ...sorted('storedBytes'),
      align: 'end',
      className: 'number',
      render: (_, { storedBytes }) => format.bytes(storedBytes),
    },
    {
      title: t('instances.column.size'),
      ...sorted('virtualSizeBytes'),
      align: 'end',
      className: 'number',
      render: (_, { virtualSizeBytes }) => format.bytes(virtualSizeBytes),
    },
    {
      title: t('instances.column.running'),
      width: 240,
      render: (_, { operationId }) =>
        operationId === null ? <span className="secondary">–</span> : <RunningNow id={operationId} />,
    },
  ];
  return (
    <Wide label={t('instances.title')} width={1_060}>
      <Table<InstanceView>
        // In another language all of it is other; but for that, a row that is the same is not drawn again.
        key={i18n.language}
        rowKey="id"
        size="middle"
        columns={columns.map((column) => ({ ...column, shouldCellUpdate: (now, before) => now !== before }))}
        dataSource={items}
        pagination={false}
        loading={late}
        showSorterTooltip={false}
        onChange={(_pages, _filters, sorter) => {
          const { columnKey, order } = Array.isArray(sorter) ? (sorter[0] ?? {}) : sorter;
          change({ sort: order ? String(columnKey) : null, order: order === 'descend' ? 'desc' : null });
        }}
        {...(selected && {
          rowSelection: {
            selectedRowKeys: [...selected.keys()],
            preserveSelectedRowKeys: true,
            onChange: (ids) => onSelect(selectionOf(ids as string[], selected, items)),
            getTitleCheckboxProps: () => ({ 'aria-label': t('instances.selectPage') }),
            getCheckboxProps: ({ name }) => ({ 'aria-label': t('instances.select', { name }) }),
          },
        })}
      />
    </Wide>
  );
}

function selectionOf(ids: readonly string[], before: Selection, items: readonly InstanceView[]): Selection {
  const known = new Map([...before, ...items.map(({ id, name }) => [id as string, { id, name }] as const)]);
  return new Map(
    ids.flatMap((id) => {
      const one = known.get(id);
      return one ? [[id, one] as const] : [];
    }),
  );
}
