import type { StorageHistory } from '@varve/contracts';
import { Table } from 'antd';
import { useTranslation } from 'react-i18next';
import { useFormat } from '../../common/use-format.ts';

/** What the chart shows, for who reads numbers or hears them. */
export function StorageTable({ of }: { of: StorageHistory }) {
  const { t } = useTranslation();
  const format = useFormat();
  return (
    <Table
      size="small"
      rowKey="at"
      aria-label={t('overview.storage.title')}
      dataSource={[...of.items].reverse()}
      pagination={{ pageSize: 10, showSizeChanger: false }}
      columns={[
        { title: t('overview.storage.at'), render: (_, { at }) => format.moment(at) },
        {
          title: t('overview.storage.stored'),
          align: 'end',
          className: 'number',
          render: (_, { storedBytes }) => format.bytes(storedBytes),
        },
        {
          title: t('overview.storage.full'),
          align: 'end',
          className: 'number',
          render: (_, { fullCopiesBytes }) => format.bytes(fullCopiesBytes),
        },
        {
          title: t('overview.storage.points'),
          align: 'end',
          className: 'number',
          render: (_, { restorePoints }) => format.count(restorePoints),
        },
      ]}
    />
  );
}
