import { Flex, Steps } from 'antd';
import type { InstanceView } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useParams, useSearchParams } from 'react-router';
import { PageTitle } from '../../common/page-title.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { PowerTag } from '../../common/tags.tsx';
import { NoPoints } from './points-table.tsx';
import { useInstance, useOperationHere } from './questions.ts';
import { ChoosePoint } from './rollback/choose-point.tsx';
import { Confirm } from './rollback/confirm.tsx';
import { Course } from './rollback/course.tsx';
import { RunningOperation } from './running-operation.tsx';
import './instance.css';

/**
 * `?to=<snapshot uid>`: the point is chosen; `?rollback=<id>`: it was started. So each step has an address, the way back
 * leads to the step before, and whoever comes back finds what is going on.
 */
export default function RollbackPage() {
  const { instanceId = '' } = useParams();
  const query = useInstance(instanceId);
  return <QueryState query={query}>{(instance) => <Known instance={instance} />}</QueryState>;
}

function Known({ instance }: { instance: InstanceView }) {
  const { t } = useTranslation();
  const [params, setParams] = useSearchParams();
  const [to, started] = [params.get('to'), params.get('rollback')];
  const other = useRunning(instance, started);
  // Beside these, whatever else the address says (`embed`) stays.
  const go = (next: { to?: string; rollback?: string }, replace = false): void =>
    setParams(
      (now) => {
        const changed = new URLSearchParams(now);
        for (const name of ['to', 'rollback'] as const) {
          const value = next[name];
          if (value === undefined) changed.delete(name);
          else changed.set(name, value);
        }
        return changed;
      },
      { replace },
    );
  const exchanges = other?.kind === 'rollback' || other?.kind === 'undo';
  const running = exchanges && !isFinished(other) ? other.id : null;
  useEffect(() => {
    if (running !== null && started === null) go({ rollback: running }, true);
  });

  const step = started !== null ? 2 : to !== null ? 1 : 0;
  return (
    <>
      <PageTitle title={t('instance.rollback.title', { name: instance.name })}>
        <PowerTag of={instance.state} />
        <Link to={`/instances/${instance.id}`}>{t('instance.course.toInstance')}</Link>
      </PageTitle>
      <Flex vertical gap={16}>
        <Steps
          size="small"
          current={step}
          items={[
            { title: t('instance.rollback.stepPoint') },
            { title: t('instance.rollback.stepConfirm') },
            { title: t('instance.rollback.stepCourse') },
          ]}
        />
        {started === null && other && running === null && <RunningOperation key={other.id} id={other.id} />}
        {started !== null ? (
          <Course
            key={started}
            instance={instance}
            id={started}
            onAgain={(uid) => go(uid === null ? {} : { to: uid })}
          />
        ) : to !== null ? (
          <Confirm
            key={to}
            instance={instance}
            snapshotUid={to}
            onOther={() => go({})}
            onStarted={({ id }) => go({ rollback: id }, true)}
          />
        ) : instance.restorePoints === 0 && instance.lastRestorePointAt === null ? (
          <NoPoints />
        ) : (
          <ChoosePoint instance={instance} onChoose={(uid) => go({ to: uid })} />
        )}
      </Flex>
    </>
  );
}

/** What runs on the instance already, unless it is what this page has started. */
function useRunning({ operationId }: InstanceView, started: string | null) {
  const { data } = useOperationHere(started === null ? operationId : null);
  return started === null && operationId !== null ? (data ?? null) : null;
}
