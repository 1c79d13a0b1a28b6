import { DeleteOutlined, ExportOutlined, MoreOutlined, RollbackOutlined } from '@ant-design/icons';
import { App, Button, Dropdown, Flex } from 'antd';
import type { InstanceView, SnapshotView } from '@varve/contracts';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useMay } from '../../session/session.tsx';
import { ActionButton } from './action-button.tsx';
import { ExportDialog } from './export-dialog.tsx';
import { useObstacles } from './obstacles.ts';
import { useRequest } from './questions.ts';

/** What can be done with one restore point: going back is in plain sight, the rest one step away. */
export function PointActions({ instance, point }: { instance: InstanceView; point: SnapshotView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const { modal } = App.useApp();
  const { of } = useObstacles(instance);
  const [mayExport, mayDelete] = [useMay('exports:create'), useMay('snapshots:delete')];
  const [exporting, setExporting] = useState(false);
  const remove = useRequest(instance.id, (api, uid: string) => api.deleteSnapshot(uid));
  const at = format.moment(point.sealedAt ?? point.createdAt);
  const there = point.status === 'available';

  const askDelete = (): void =>
    void modal.confirm({
      title: t('instance.delete.title', { time: at }),
      content: t(there ? 'instance.delete.explained' : 'instance.delete.explainedFailed'),
      okText: t('instance.delete.yes'),
      okButtonProps: { danger: true },
      cancelText: t('common.action.cancel'),
      autoFocusButton: 'cancel',
      onOk: () =>
        remove.mutate(point.uid, {
          // It stays until it was read.
          onError: (error) =>
            void modal.error({
              title: t('instance.delete.refused'),
              content: <ProblemAlert error={error} />,
              okText: t('common.action.close'),
            }),
        }),
    });
  const items = [
    ...(there && mayExport
      ? [{ key: 'export', icon: <ExportOutlined aria-hidden />, label: t('instance.export.open') }]
      : []),
    ...(mayDelete
      ? [
          {
            key: 'delete',
            icon: <DeleteOutlined aria-hidden />,
            danger: true,
            disabled: of('snapshots:delete') !== null,
            label: t('instance.delete.open'),
          },
        ]
      : []),
  ];
  return (
    <Flex gap={4} justify="end" wrap>
      {there && (
        <ActionButton
          size="small"
          icon={<RollbackOutlined aria-hidden />}
          label={t('instance.rollback.toThis')}
          why={of('rollbacks:create')}
          onClick={() => void navigate(`/instances/${instance.id}/rollback?to=${point.uid}`)}
        />
      )}
      {items.length > 0 && (
        <Dropdown
          trigger={['click']}
          menu={{ items, onClick: ({ key }) => (key === 'export' ? setExporting(true) : askDelete()) }}
        >
          <Button
            size="small"
            icon={<MoreOutlined aria-hidden />}
            loading={remove.isPending}
            aria-label={t('instance.list.moreOf', { time: at })}
          />
        </Dropdown>
      )}
      {exporting && <ExportDialog instance={instance} point={point} onClose={() => setExporting(false)} />}
    </Flex>
  );
}
