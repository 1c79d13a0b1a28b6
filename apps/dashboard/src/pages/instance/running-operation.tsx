import { Button, Card, Flex } from 'antd';
import type { OperationView } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { OperationTag } from '../../common/tags.tsx';
import { useMay } from '../../session/session.tsx';
import { useOperationHere, useRequest } from './questions.ts';

/** What runs on the instance now, as it goes on. */
export function RunningOperation({ id }: { id: string }) {
  const { t } = useTranslation();
  const { data: operation, error, refetch } = useOperationHere(id);
  if (!operation) return error && <ProblemAlert error={error} onRetry={() => void refetch()} />;
  if (isFinished(operation)) return null;
  return (
    <Card size="small" data-testid="running-operation">
      <Flex vertical gap={8}>
        <Flex justify="space-between" gap={8} wrap align="center">
          <Flex gap={8} align="center">
            <strong>{t(`common.kind.${operation.kind}`)}</strong>
            <OperationTag of={operation.state} />
            <Link to={`/operations/${operation.id}`}>{t('instance.steps')}</Link>
          </Flex>
          <CancelButton operation={operation} />
        </Flex>
        <OperationProgress operation={operation} />
        {error && <ProblemAlert error={error} onRetry={() => void refetch()} />}
      </Flex>
    </Card>
  );
}

export function CancelButton({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const may = useMay('operations:cancel');
  const cancel = useRequest(operation.instanceId, (api, id: string) => api.cancelOperation(id));
  const { cancellable, cancelRequested } = operation;
  if (!may || !(cancellable || cancelRequested)) return null;
  const asked = cancelRequested || cancel.isSuccess;
  return (
    <Flex vertical gap={4} align="end">
      <Button
        danger
        size="small"
        loading={cancel.isPending}
        disabled={asked}
        onClick={() => cancel.mutate(operation.id)}
      >
        {t(asked ? 'instance.cancelAsked' : 'instance.cancel', { kind: t(`common.kind.${operation.kind}`) })}
      </Button>
      {cancel.error && <ProblemAlert error={cancel.error} />}
    </Flex>
  );
}
