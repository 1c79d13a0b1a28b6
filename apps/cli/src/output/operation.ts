import type { OperationView } from '@varve/contracts';
import { colourOf } from './colours.js';
import { duration, size, text, time, yes } from './human.js';
import { problemFacts } from './snapshot.js';
import type { Column } from './table.js';
import { facts } from './table.js';

export const shareOf = ({ doneBytes, totalBytes }: OperationView): string =>
  totalBytes === 0 ? '-' : `${Math.floor((doneBytes / totalBytes) * 100)}%`;

const tookMs = ({ startedAt, finishedAt }: OperationView): number | null =>
  startedAt === null ? null : Date.parse(finishedAt ?? new Date().toISOString()) - Date.parse(startedAt);

export const OPERATION_COLUMNS: readonly Column<OperationView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'INSTANCE', value: ({ instanceName, instanceId }) => instanceName ?? instanceId },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'PHASE', value: ({ phase }) => phase },
  { title: 'DONE', value: shareOf, right: true },
  { title: 'REQUESTED', value: ({ createdAt }) => time(createdAt) },
  { title: 'TOOK', value: (operation) => duration(tookMs(operation)), right: true },
  { title: 'PROBLEM', value: ({ problem }) => problem?.code ?? '' },
];

export const operationFacts = (operation: OperationView): string =>
  facts([
    ['ID', operation.id],
    ['Kind', operation.kind],
    [
      'Instance',
      operation.instanceName === null ? operation.instanceId : `${operation.instanceName} (${operation.instanceId})`,
    ],
    ['Project', operation.projectId],
    ['Asked for by', text(operation.userId)],
    ['Host', text(operation.host)],
    ['State', operation.state],
    ['Phase', operation.phase],
    ['Done', `${size(operation.doneBytes)} of ${size(operation.totalBytes)} (${shareOf(operation)})`],
    ['Can be cancelled', operation.cancelRequested ? 'it was asked for' : yes(operation.cancellable)],
    ['Snapshot', text(operation.snapshotUid)],
    ['Image', text(operation.imageId)],
    ['Own layers after it', text(operation.chainLength)],
    [
      'Merges',
      operation.merges.map(({ strategy, seconds }) => `${strategy} ${seconds.toFixed(1)} s`).join(', ') || '-',
    ],
    ['Requested', time(operation.createdAt)],
    ['Started', time(operation.startedAt)],
    ['Finished', time(operation.finishedAt)],
    ['Took', duration(tookMs(operation))],
    ['Request', text(operation.requestId)],
    ...problemFacts(operation),
  ]);
