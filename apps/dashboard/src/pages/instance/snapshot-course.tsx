import { useQuery } from '@tanstack/react-query';
import { Alert, Button, Descriptions, Flex } from 'antd';
import type { SnapshotView } from '@varve/contracts';
import { isFinished } from '@varve/api-client';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useApi } from '../../api/api.ts';
import { keys } from '../../api/keys.ts';
import { OperationProgress } from '../../common/operation-progress.tsx';
import { ProblemAlert } from '../../common/problem-alert.tsx';
import { QueryState } from '../../common/query-state.tsx';
import { useFormat } from '../../common/use-format.ts';
import { useOperationHere } from './questions.ts';
import { CancelButton } from './running-operation.tsx';

/** A snapshot that was asked for: how it goes, and what came of it. */
export function SnapshotCourse({ snapshot, onAgain }: { snapshot: SnapshotView; onAgain: () => void }) {
  const { t } = useTranslation();
  const operation = useOperationHere(snapshot.operationId);
  return (
    <QueryState query={operation}>
      {(now) => {
        if (!isFinished(now)) {
          return (
            <Flex vertical gap={12} role="status">
              <OperationProgress operation={now} />
              <span>{t('instance.snapshot.goesOn')}</span>
              <CancelButton operation={now} />
            </Flex>
          );
        }
        if (now.state === 'succeeded') return <Taken uid={snapshot.uid} instanceId={snapshot.instanceId} />;
        return (
          <Flex vertical gap={12}>
            {now.state === 'cancelled' ? (
              <Alert type="info" showIcon title={t('instance.snapshot.cancelled')} />
            ) : (
              <>
                {now.problem && <ProblemAlert error={now.problem} />}
                <span>{t('instance.snapshot.failedHint')}</span>
              </>
            )}
            <Flex gap={8} wrap>
              <Button type="primary" onClick={onAgain}>
                {t('instance.snapshot.again')}
              </Button>
              <Link to={`/operations/${now.id}`}>{t('instance.steps')}</Link>
            </Flex>
          </Flex>
        );
      }}
    </QueryState>
  );
}

function Taken({ uid, instanceId }: { uid: string; instanceId: string }) {
  const { t } = useTranslation();
  const api = useApi();
  const format = useFormat();
  const point = useQuery({
    queryKey: [...keys.points(instanceId), 'one', uid],
    queryFn: ({ signal }) => api.snapshot(uid, { signal }),
  });
  return (
    <Flex vertical gap={12} role="status">
      <Alert type="success" showIcon title={t('instance.snapshot.taken')} />
      <QueryState query={point}>
        {({ sealedAt, consistency, stallMs, changedBytes, uploadedBytes, healed }) => (
          <Descriptions
            size="small"
            column={1}
            items={[
              ...(sealedAt === null
                ? []
                : [{ key: 'at', label: t('instance.point.at'), children: format.moment(sealedAt) }]),
              ...(consistency === null
                ? []
                : [
                    {
                      key: 'consistency',
                      label: t('instance.point.consistency'),
                      children: t(`common.consistency.${consistency}`),
                    },
                  ]),
              { key: 'stall', label: t('instance.point.stall'), children: format.duration(stallMs) },
              { key: 'changed', label: t('instance.point.changed'), children: format.bytes(changedBytes) },
              { key: 'stored', label: t('instance.point.stored'), children: format.bytes(uploadedBytes) },
              ...(healed
                ? [{ key: 'healed', label: t('instance.point.healed'), children: t('instance.point.healedHint') }]
                : []),
            ]}
          />
        )}
      </QueryState>
    </Flex>
  );
}
