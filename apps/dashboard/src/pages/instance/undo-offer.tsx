import { UndoOutlined } from '@ant-design/icons';
import { Alert, App, Flex } from 'antd';
import type { InstanceView, RollbackView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { useFormat } from '../../common/use-format.ts';
import { ActionButton } from './action-button.tsx';
import { useObstacles } from './obstacles.ts';
import { useRequest, useRollbacks } from './questions.ts';

/** On the instance's page: as long as the latest rollback can be taken back. */
export function UndoOffer({ instance }: { instance: InstanceView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { data, error, refetch } = useRollbacks(instance.id);
  if (instance.operationId !== null) return null;
  // Who looks for the undo must not think that there is none.
  if (!data && error) return <ProblemAlert error={error} onRetry={() => void refetch()} />;
  const rollback = data?.find(({ undoable }) => undoable);
  if (!rollback) return null;
  return (
    <Alert
      type="info"
      showIcon
      icon={<UndoOutlined aria-hidden />}
      title={t(rollback.kind === 'undo' ? 'instance.undo.offerUndone' : 'instance.undo.offer', {
        time: format.moment(rollback.finishedAt ?? rollback.createdAt),
      })}
      description={
        <Flex vertical gap={8}>
          <span>
            {rollback.keptBytes === null
              ? t('instance.undo.kept')
              : t('instance.undo.keptBytes', { bytes: format.bytes(rollback.keptBytes) })}
          </span>
          <UndoAndKeep instance={instance} rollback={rollback} />
        </Flex>
      }
    />
  );
}

/** Both ask once more: the one restarts the guest, the other can't be taken back. */
export function UndoAndKeep({ instance, rollback }: { instance: InstanceView; rollback: RollbackView }) {
  const { t } = useTranslation();
  const { modal } = App.useApp();
  const navigate = useNavigate();
  const { of } = useObstacles(instance);
  const undo = useRequest(instance.id, (api, id: string) => api.undoRollback(id));
  const keep = useRequest(instance.id, (api, id: string) => api.keepRollback(id));
  if (!rollback.undoable) return null;
  // Of an undo the other disk is the one that was replaced.
  const which = rollback.kind === 'undo' ? 'Undone' : '';

  const askUndo = (): void =>
    void modal.confirm({
      title: t(`instance.undo.title${which}`, { name: instance.name }),
      content: t(`instance.undo.explained${which}`),
      okText: t(`instance.undo.yes${which}`),
      cancelText: t('common.action.cancel'),
      autoFocusButton: 'cancel',
      // This offer is gone from the screen as soon as the undo runs; what follows is not.
      onOk: () =>
        void undo.mutateAsync(rollback.id).then(
          ({ id }) => navigate(`/instances/${instance.id}/rollback?rollback=${id}`),
          () => undefined, // said below
        ),
    });
  const askKeep = (): void =>
    void modal.confirm({
      title: t(`instance.keep.title${which}`),
      content: t(`instance.keep.explained${which}`),
      okText: t('instance.keep.yes'),
      okButtonProps: { danger: true },
      cancelText: t('common.action.cancel'),
      autoFocusButton: 'cancel',
      onOk: () => keep.mutate(rollback.id),
    });
  const error = undo.error ?? keep.error;
  return (
    <Flex vertical gap={8}>
      <Flex gap={8} wrap>
        <ActionButton
          icon={<UndoOutlined aria-hidden />}
          label={t('instance.undo.button')}
          why={of('rollbacks:undo')}
          loading={undo.isPending}
          onClick={askUndo}
        />
        <ActionButton
          label={t('instance.keep.button')}
          why={of('rollbacks:keep')}
          loading={keep.isPending}
          onClick={askKeep}
        />
      </Flex>
      {error && <ProblemAlert error={error} />}
    </Flex>
  );
}
