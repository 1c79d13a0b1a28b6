import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useHeardOf } from '../../api/operations.ts';
import { OperationProgress } from '../../shared/operation-progress.tsx';

interface Props {
  readonly id: string;
  /** `undefined`: there are more than are listed. */
  readonly listed: OperationView | undefined;
  readonly listedAt: number;
}

/** The operation of an instance, in a table. */
export function RunningNow({ id, listed, listedAt }: Props) {
  const { t } = useTranslation();
  return (
    <>
      <Link to={`/operations/${id}`}>
        {listed ? t(`common.kind.${listed.kind}`) : t('common.operationState.running')}
      </Link>
      {listed && <Progress listed={listed} listedAt={listedAt} />}
    </>
  );
}

function Progress({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  return <OperationProgress operation={useHeardOf(listed, listedAt)} small />;
}
