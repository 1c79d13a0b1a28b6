import { RedoOutlined } from '@ant-design/icons';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { VarveClient } from '@varve/api-client';
import type { CreateSnapshot, OperationView } from '@varve/contracts';
import { Button, Flex, Form, Modal } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { useApi } from '../../api/api.ts';
import { refreshInstance } from '../../api/keys.ts';
import { linkTo } from '../../common/address.ts';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { SnapshotFields } from '../../common/snapshot-fields.tsx';
import { useMay } from '../../session/session.tsx';
import { ACTION, retryOf } from './course.ts';

/** The same again, as a new request, for what failed or was cancelled. A rollback is confirmed where rollbacks are. */
export function RetryOperation({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const may = useMay(ACTION[operation.kind]);
  const [asks, setAsks] = useState(false);
  const retry = retryOf(operation);
  if (!may || retry === null) return null;
  if (retry === 'choose') {
    const to = linkTo(`/instances/${operation.instanceId}/rollback`, { to: operation.snapshotUid ?? '' });
    return <Link to={to}>{t('operations.retry.rollback')}</Link>;
  }
  return (
    <>
      <Button icon={<RedoOutlined />} onClick={() => setAsks(true)}>
        {t('operations.retry.action')}
      </Button>
      {asks && <Confirmation operation={operation} onClose={() => setAsks(false)} />}
    </>
  );
}

type Again = Exclude<OperationView['kind'], 'rollback' | 'keep' | 'repair' | 'export'>;

function Confirmation({ operation, onClose }: { operation: OperationView; onClose: () => void }) {
  const { t } = useTranslation();
  const api = useApi();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [form] = Form.useForm<CreateSnapshot>();
  const asking = useMutation({
    mutationFn: () => askAgain(api, operation, form.getFieldsValue() as Partial<CreateSnapshot>),
    onSuccess: async (id) => {
      await refreshInstance(queries, operation.instanceId);
      await navigate(`/operations/${id}`);
    },
  });
  return (
    <Modal
      open
      title={t('operations.retry.title')}
      okText={t('operations.retry.confirm')}
      cancelText={t('common.action.cancel')}
      confirmLoading={asking.isPending}
      onOk={() => (operation.kind === 'snapshot' ? form.submit() : asking.mutate())}
      onCancel={onClose}
    >
      <Flex vertical gap={12}>
        <span>{t(`operations.retry.about.${operation.kind as Again}`)}</span>
        {operation.kind === 'snapshot' && (
          <Form form={form} layout="vertical" onFinish={() => asking.mutate()}>
            <FormerName operation={operation} />
          </Form>
        )}
        {asking.error && <ProblemAlert error={asking.error} />}
      </Flex>
    </Modal>
  );
}

/** A snapshot begins with the name that it had. */
function FormerName({ operation: { snapshotUid } }: { operation: OperationView }) {
  const { t } = useTranslation();
  const api = useApi();
  const former = useQuery({
    queryKey: ['snapshot', snapshotUid],
    queryFn: ({ signal }) => (snapshotUid === null ? Promise.resolve(null) : api.snapshot(snapshotUid, { signal })),
  });
  return (
    <QueryState query={former}>
      {(snapshot) => <SnapshotFields nameLabel={t('operations.retry.name')} initialName={snapshot?.name ?? ''} />}
    </QueryState>
  );
}

/** @returns the new operation's id */
async function askAgain(
  api: VarveClient,
  { kind, instanceId, snapshotUid, id }: OperationView,
  { name, quiesce }: Partial<CreateSnapshot>,
): Promise<string> {
  switch (kind) {
    case 'snapshot':
      return (await api.createSnapshot(instanceId, { ...(name && { name }), ...(quiesce && { quiesce }) })).operationId;
    case 'settle':
      return (await api.settle(instanceId)).id;
    case 'undo': {
      const { undoes } = await api.rollback(id);
      if (undoes !== null) return (await api.undoRollback(undoes)).id;
      break;
    }
    case 'delete':
      if (snapshotUid !== null) return (await api.deleteSnapshot(snapshotUid)).id;
      break;
    case 'rollback':
    case 'keep':
    case 'repair':
    case 'export':
      break;
  }
  throw new Error(`A ${kind} is not asked for again from here`);
}
