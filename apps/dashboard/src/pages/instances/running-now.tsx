import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useActiveOperation, useHeardOf } from '../../api/operations.ts';
import { OperationProgress } from '../../common/operation-progress.tsx';

/** The operation of an instance, in a table. It asks for itself, so that the table stands still while it goes on. */
export function RunningNow({ id }: { id: string }) {
  const { t } = useTranslation();
  const { operation, listedAt } = useActiveOperation(id);
  return (
    <>
      <Link to={`/operations/${id}`}>
        {operation ? t(`common.kind.${operation.kind}`) : t('common.operationState.running')}
      </Link>
      {operation && <Progress listed={operation} listedAt={listedAt} />}
    </>
  );
}

function Progress({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  return <OperationProgress operation={useHeardOf(listed, listedAt)} small />;
}
