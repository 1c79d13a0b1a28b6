import { useMutation, useQueryClient } from '@tanstack/react-query';
import { isFinished } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { Button, Flex, Modal, Typography } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { laterOf } from '../../api/operations.ts';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { useMay } from '../../session/session.tsx';

/**
 * Cancelling, while there is time for it; it says when there is none any more, also while one thinks about it, and when
 * it was asked for, by whomever.
 */
export function CancelOperation({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const api = useApi();
  const queries = useQueryClient();
  const may = useMay('operations:cancel');
  const [asks, setAsks] = useState(false);
  const cancelling = useMutation({
    mutationFn: () => api.cancelOperation(operation.id),
    onSuccess: (after) => {
      queries.setQueryData(keys.operation(operation.id), laterOf(queries, after));
      setAsks(false);
    },
  });
  if (!may || isFinished(operation)) return null;
  const { kind, cancellable, cancelRequested } = operation;
  const about = kind === 'snapshot' || kind === 'rollback' ? kind : 'other';
  if (cancelRequested) return <Typography.Text role="status">{t('operations.cancel.asked')}</Typography.Text>;
  return (
    <>
      {cancellable ? (
        <Button danger onClick={() => setAsks(true)}>
          {t('operations.cancel.action')}
        </Button>
      ) : (
        <Typography.Text type="secondary">{t('operations.cancel.late')}</Typography.Text>
      )}
      <Modal
        open={asks}
        title={t('operations.cancel.title')}
        okText={t('operations.cancel.confirm')}
        cancelText={t('operations.cancel.keep')}
        okButtonProps={{ danger: true, disabled: !cancellable }}
        confirmLoading={cancelling.isPending}
        onOk={() => cancelling.mutate()}
        onCancel={() => {
          setAsks(false);
          cancelling.reset();
        }}
      >
        <Flex vertical gap={12}>
          <span role="status">{t(cancellable ? `operations.cancel.about.${about}` : 'operations.cancel.late')}</span>
          {cancelling.error && <ProblemAlert error={cancelling.error} />}
        </Flex>
      </Modal>
    </>
  );
}
