import type { RollbackView } from '@varve/contracts';
import { colourOf } from './colours.js';
import { duration, size, text, time, yes } from './human.js';
import { problemFacts } from './snapshot.js';
import type { Column } from './table.js';
import { facts } from './table.js';

export const ROLLBACK_COLUMNS: readonly Column<RollbackView>[] = [
  { title: 'ID', value: ({ id }) => id },
  { title: 'KIND', value: ({ kind }) => kind },
  { title: 'STATE', value: ({ state }) => state, colour: ({ state }) => colourOf(state) },
  { title: 'REQUESTED', value: ({ createdAt }) => time(createdAt) },
  { title: 'TO SNAPSHOT', value: ({ snapshotUid }) => text(snapshotUid) },
  { title: 'FETCHED', value: ({ fetchedBytes }) => size(fetchedBytes), right: true },
  { title: 'DOWN', value: ({ downtimeMs }) => duration(downtimeMs), right: true },
  { title: 'UNDOABLE', value: ({ undoable }) => yes(undoable) },
];

export const rollbackFacts = (rollback: RollbackView): string =>
  facts([
    ['ID', rollback.id],
    ['Kind', rollback.kind],
    ['Instance', rollback.instanceId],
    ['Project', rollback.projectId],
    ['State', `${rollback.state} (${rollback.phase})`],
    ['To snapshot', text(rollback.snapshotUid)],
    ['Takes back', text(rollback.undoes)],
    ['Fetched', size(rollback.fetchedBytes)],
    ['Found on the host', size(rollback.localBytes)],
    ['Down for', duration(rollback.downtimeMs)],
    ['Undoable', yes(rollback.undoable)],
    ['Kept for that', size(rollback.keptBytes)],
    ['Requested', time(rollback.createdAt)],
    ['Finished', time(rollback.finishedAt)],
    ...problemFacts(rollback),
  ]);
