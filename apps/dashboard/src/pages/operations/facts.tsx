import type { OperationView } from '@varve/contracts';
import { Card, Descriptions } from 'antd';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { ShortId } from '../../common/ids.tsx';
import { useFormat } from '../../common/use-format.ts';
import { OfInstance } from './operation-table.tsx';
import { Took } from './took.tsx';

/** All that is known of an operation beside its course. What does not apply is left out. */
export function Facts({ operation }: { operation: OperationView }) {
  const { t } = useTranslation();
  const format = useFormat();
  const { host, userId, createdAt, startedAt, finishedAt, doneBytes, totalBytes, chainLength, merges } = operation;
  const waited = startedAt === null ? null : Date.parse(startedAt) - Date.parse(createdAt);
  const rows: readonly (readonly [string, React.ReactNode])[] = [
    [t('operations.fact.instance'), <OfInstance key="instance" operation={operation} />],
    [t('operations.fact.point'), operation.snapshotUid && <Point key="point" operation={operation} />],
    [t('operations.fact.host'), host],
    [t('operations.fact.user'), userId],
    [t('operations.fact.createdAt'), format.moment(createdAt)],
    [t('operations.fact.startedAt'), startedAt && format.moment(startedAt)],
    [t('operations.fact.finishedAt'), finishedAt && format.moment(finishedAt)],
    [t('operations.fact.waited'), waited === null ? null : format.duration(Math.max(0, waited))],
    [t('operations.fact.took'), startedAt && <Took key="took" operation={operation} />],
    // Of the phase that it is in, or broke off in.
    [
      t(`common.phase.${operation.phase}`),
      operation.state !== 'succeeded' &&
        totalBytes > 0 &&
        t('common.progress.bytes', { done: format.bytes(doneBytes), total: format.bytes(totalBytes) }),
    ],
    [t('operations.fact.merges'), merges.length > 0 && <Merges key="merges" of={merges} />],
    [t('operations.fact.chainLength'), chainLength === null ? null : format.count(chainLength)],
    [t('operations.fact.image'), operation.imageId && <ShortId key="image" id={operation.imageId} />],
    [t('operations.fact.request'), operation.requestId && <Whole key="request" text={operation.requestId} />],
    [t('operations.fact.id'), <Whole key="id" text={operation.id} />],
  ];
  return (
    <Card size="small" title={<h2 style={{ margin: 0, fontSize: 16 }}>{t('operations.facts')}</h2>}>
      <Descriptions
        column={1}
        size="small"
        items={rows
          .filter(([, value]) => value !== null && value !== false && value !== '')
          .map(([label, children]) => ({ key: label, label, children }))}
      />
    </Card>
  );
}

const Whole = ({ text }: { text: string }) => <code style={{ overflowWrap: 'anywhere' }}>{text}</code>;

function Point({ operation: { instanceId, instanceName, snapshotUid } }: { operation: OperationView }) {
  if (snapshotUid === null) return null;
  if (instanceName === null) return <ShortId id={snapshotUid} />;
  return <Link to={`/instances/${instanceId}`}>{snapshotUid.slice(0, 8)}</Link>;
}

function Merges({ of }: { of: OperationView['merges'] }) {
  const { t } = useTranslation();
  const format = useFormat();
  return of
    .map(({ strategy, seconds }) => t('operations.fact.merge', { strategy, time: format.duration(seconds * 1_000) }))
    .join(', ');
}
