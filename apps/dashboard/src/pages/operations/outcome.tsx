import { isFinished } from '@varve/api-client';
import type { OperationView } from '@varve/contracts';
import { useHeardOf } from '../../api/operations.ts';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { useSaid } from '../../common/use-said.ts';

/** How far it is; or what it came to. */
export function Outcome({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  return isFinished(listed) ? <Ended operation={listed} /> : <UnderWay listed={listed} listedAt={listedAt} />;
}

function UnderWay({ listed, listedAt }: { listed: OperationView; listedAt: number }) {
  const operation = useHeardOf(listed, listedAt);
  return isFinished(operation) ? <Ended operation={operation} /> : <OperationProgress operation={operation} small />;
}

/** No bytes: those that are known are of the last phase, and 512 MiB merged are not 512 MiB stored. */
function Ended({ operation: { problem } }: { operation: OperationView }) {
  const said = useSaid();
  if (problem) {
    return (
      <span className="two-lines" title={problem.message}>
        <code>{problem.code}</code> {said.problem(problem).title}
      </span>
    );
  }
  return <span className="secondary">–</span>;
}
