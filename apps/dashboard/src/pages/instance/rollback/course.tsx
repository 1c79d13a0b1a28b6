import { Alert, Button, Card, Descriptions, Flex } from 'antd';
import type { InstanceView, OperationView, RollbackView } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router';
import { useSteps } from '../../../api/operations.ts';
import { OperationProgress } from '../../../common/operation-progress.tsx';
import { ProblemAlert } from '../../../common/problem-alert.tsx';
import { QueryState } from '../../../common/query-state.tsx';
import { useFormat } from '../../../common/use-format.ts';
import { useSaid } from '../../../common/use-said.ts';
import { useOperationHere, useRollback } from '../questions.ts';
import { CancelButton } from '../running-operation.tsx';
import { UndoAndKeep } from '../undo-offer.tsx';

interface Props {
  readonly instance: InstanceView;
  readonly id: string;
  /** Begins anew with the same point, if there is one. */
  readonly onAgain: (snapshotUid: string | null) => void;
}

/** The last step: a rollback or an undo on its way, and what came of it. */
export function Course({ instance, id, onAgain }: Props) {
  const operation = useOperationHere(id);
  const rollback = useRollback(instance.id, id);
  const { state } = operation.data ?? { state: null };
  const { refetch } = rollback;
  useEffect(() => {
    // What it came to is known with its end.
    if (state !== null) void refetch();
  }, [state, refetch]);
  return (
    <QueryState query={operation}>
      {(now) =>
        isFinished(now) ? (
          <QueryState query={rollback}>
            {(came) => <Outcome instance={instance} operation={now} rollback={came} onAgain={onAgain} />}
          </QueryState>
        ) : (
          <OnItsWay operation={now} />
        )
      }
    </QueryState>
  );
}

function OnItsWay({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  return (
    <Card size="small">
      <Flex vertical gap={12} role="status">
        <strong>{t(operation.kind === 'undo' ? 'instance.course.undoing' : 'instance.course.running')}</strong>
        <OperationProgress operation={operation} />
        <Trouble operation={operation} />
        <span>{t(`instance.course.${outlook(operation)}`)}</span>
        <Flex gap={8} wrap justify="space-between">
          <Link to={`/operations/${operation.id}`}>{t('instance.steps')}</Link>
          <CancelButton operation={operation} />
        </Flex>
      </Flex>
    </Card>
  );
}

/** What can't be taken back any more is tried until it works: what it fails of is for somebody to see to. */
function Trouble({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const said = useSaid();
  const { data } = useSteps(operation);
  // Before that, and where it is taken back as somebody asked, what failed is not tried again.
  const isTried = !operation.cancellable && !operation.cancelRequested;
  const failing = isTried ? data?.items.findLast(({ state }) => state === 'failed') : undefined;
  return (
    failing && (
      <Alert
        type="warning"
        showIcon
        title={t('instance.course.triedAgain', { step: said.step(failing.name).title })}
        description={failing.detail}
      />
    )
  );
}

const outlook = ({ cancellable, cancelRequested, phase }: OperationView) => {
  if (cancelRequested) return 'cancelAsked';
  if (!cancellable) return 'noReturn';
  return phase === 'restoring' ? 'goesDown' : 'stillRuns';
};

interface OutcomeProps {
  readonly instance: InstanceView;
  readonly operation: OperationView;
  readonly rollback: RollbackView;
  readonly onAgain: (snapshotUid: string | null) => void;
}

function Outcome({ instance, operation, rollback, onAgain }: OutcomeProps) {
  const { t } = useTranslation();
  const format = useFormat();
  const navigate = useNavigate();
  const { name } = instance;
  const toInstance = (
    <Button onClick={() => void navigate(`/instances/${instance.id}`)}>{t('instance.course.toInstance')}</Button>
  );
  if (operation.state === 'succeeded') {
    return (
      <Card size="small">
        <Flex vertical gap={12} role="status">
          <Alert
            type="success"
            showIcon
            title={t(rollback.kind === 'undo' ? 'instance.course.undone' : 'instance.course.done', { name })}
            description={t('instance.course.doneHint')}
          />
          <Descriptions
            size="small"
            column={1}
            items={[
              { key: 'down', label: t('instance.course.downtime'), children: format.duration(rollback.downtimeMs) },
              { key: 'fetched', label: t('instance.course.fetched'), children: format.bytes(rollback.fetchedBytes) },
              { key: 'local', label: t('instance.course.local'), children: format.bytes(rollback.localBytes) },
              ...(rollback.keptBytes === null
                ? []
                : [{ key: 'kept', label: t('instance.course.kept'), children: format.bytes(rollback.keptBytes) }]),
            ]}
          />
          {rollback.undoable && <span>{t('instance.course.undoHint')}</span>}
          <UndoAndKeep instance={instance} rollback={rollback} />
          <div>{toInstance}</div>
        </Flex>
      </Card>
    );
  }
  const problem = rollback.problem ?? operation.problem;
  return (
    <Card size="small">
      <Flex vertical gap={12} role="status">
        {operation.state === 'cancelled' ? (
          <Alert type="info" showIcon title={t('instance.course.cancelled')} />
        ) : (
          problem && <ProblemAlert error={problem} />
        )}
        <Alert type="info" showIcon title={t(stands(operation), { name })} />
        <Flex gap={8} wrap>
          <Button type="primary" onClick={() => onAgain(rollback.snapshotUid)}>
            {t('instance.course.again')}
          </Button>
          {toInstance}
          <Link to={`/operations/${operation.id}`}>{t('instance.steps')}</Link>
        </Flex>
      </Flex>
    </Card>
  );
}

/** What a host that fell silent, or lost the instance, may have done all the same; other failures leave it as it was. */
const UNKNOWN: ReadonlySet<string> = new Set(['host_unavailable', 'outcome_unknown', 'not_found']);
const stands = ({ problem }: OperationView) =>
  problem && UNKNOWN.has(problem.code)
    ? ('instance.course.nobodyKnows' as const)
    : ('instance.course.asItWas' as const);
