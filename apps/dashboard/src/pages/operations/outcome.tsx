import { isFinished } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { useTranslation } from 'react-i18next';
import { useHeardOf } from '../../api/operations.ts';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { useFormat } from '../../common/use-format.ts';

/** How far it is; or what it came to. */
export function Outcome({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  return isFinished(listed) ? <Ended operation={listed} /> : <UnderWay listed={listed} listedAt={listedAt} />;
}

function UnderWay({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  const operation = useHeardOf(listed, listedAt);
  return isFinished(operation) ? <Ended operation={operation} /> : <OperationProgress operation={operation} small />;
}

function Ended({ operation: { problem, doneBytes, totalBytes } }: { operation: OperationView }) {
  const { t } = useTranslation();
  const format = useFormat();
  if (problem) {
    return (
      <span className="two-lines" title={problem.message}>
        <code>{problem.code}</code> {problem.message}
      </span>
    );
  }
  if (totalBytes === 0) return <span className="secondary">–</span>;
  return (
    <span className="number">
      {doneBytes === totalBytes
        ? format.bytes(doneBytes)
        : t('common.progress.bytes', { done: format.bytes(doneBytes), total: format.bytes(totalBytes) })}
    </span>
  );
}
