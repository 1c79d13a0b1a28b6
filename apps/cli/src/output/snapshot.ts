import type { SnapshotView } from '@varve/contracts';
import { colourOf } from './colours.js';
import { duration, size, text, time, yes } from './human.js';
import type { Column } from './table.js';
import { facts } from './table.js';

export const SNAPSHOT_COLUMNS: readonly Column<SnapshotView>[] = [
  { title: 'UID', value: ({ uid }) => uid },
  { title: 'NAME', value: ({ name }) => text(name) },
  { title: 'STATUS', value: ({ status }) => status, colour: ({ status }) => colourOf(status) },
  { title: 'TIME', value: ({ sealedAt, createdAt }) => time(sealedAt ?? createdAt) },
  { title: 'CONSISTENCY', value: ({ consistency }) => text(consistency) },
  { title: 'CHANGED', value: ({ changedBytes }) => size(changedBytes), right: true },
  { title: 'STORED', value: ({ uploadedBytes }) => size(uploadedBytes), right: true },
  { title: 'STALL', value: ({ stallMs }) => duration(stallMs), right: true },
];

export const snapshotFacts = (snapshot: SnapshotView): string =>
  facts([
    ['UID', snapshot.uid],
    ['Name', text(snapshot.name)],
    ['Instance', snapshot.instanceId],
    ['Project', snapshot.projectId],
    ['Status', snapshot.status],
    ['Stands for', time(snapshot.sealedAt)],
    ['Consistency', text(snapshot.consistency)],
    ['Guest waited', duration(snapshot.stallMs)],
    ['Changed', size(snapshot.changedBytes)],
    ['Stored', size(snapshot.uploadedBytes)],
    ['Holds a failed one too', yes(snapshot.healed)],
    ['Layer', text(snapshot.layerUid)],
    ['On layer', text(snapshot.backingUid)],
    ['Operation', snapshot.operationId],
    ['Requested', time(snapshot.createdAt)],
    ['Available', time(snapshot.availableAt)],
    ...problemFacts(snapshot),
  ]);

export const problemFacts = ({ problem }: Pick<SnapshotView, 'problem'>): [string, string][] =>
  problem ? [['Problem', `${problem.message} (${problem.code}, ${problem.remedy})`]] : [];
