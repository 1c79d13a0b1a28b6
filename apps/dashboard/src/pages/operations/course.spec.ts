import { OperationKind, OperationView } from '@varve/contracts';
import type { StepView } from '@varve/contracts';
import { describe, expect, it } from 'vitest';
import { brokeOffIn, courseOf, retryOf } from './course.ts';

const ID = '00000000-0000-4000-8000-000000000000';
const operation = (change: object): OperationView =>
  OperationView.parse({
    id: ID,
    instanceId: ID,
    instanceName: 'web-1',
    projectId: 'demo',
    kind: 'snapshot',
    state: 'failed',
    phase: 'queued',
    doneBytes: 0,
    totalBytes: 0,
    cancellable: false,
    snapshotUid: ID,
    chainLength: null,
    merges: [],
    problem: null,
    requestId: null,
    createdAt: '2026-11-22T12:00:00Z',
    startedAt: null,
    finishedAt: null,
    ...change,
  });

describe('the phases of an operation', () => {
  it('begin with the wait and end with the end, of whatever kind it is', () => {
    for (const kind of OperationKind.options) {
      const { phases } = courseOf({ kind, phase: 'queued' });
      expect([phases[0], phases.at(-1)]).toEqual(['queued', 'finishing']);
    }
  });

  it('have a place for one that nobody expected', () => {
    expect(courseOf({ kind: 'settle', phase: 'capturing' })).toEqual({
      phases: ['queued', 'merging', 'capturing', 'finishing'],
      current: 2,
    });
  });
});

describe('where it broke off', () => {
  const step = (name: string, state: StepView['state']): StepView => ({
    name,
    state,
    startedAt: '2026-11-22T12:00:00Z',
    finishedAt: null,
    detail: null,
  });
  it('is the step that failed, else the one that was never done', () => {
    expect(brokeOffIn([step('a', 'undone'), step('b', 'failed'), step('c', 'running')])?.name).toBe('b');
    expect(brokeOffIn([step('a', 'done'), step('b', 'running')])?.name).toBe('b');
    expect(brokeOffIn([step('a', 'done')])).toBeNull();
  });
});

describe('another try', () => {
  it('is for what did not succeed, of an instance that is there', () => {
    expect(retryOf(operation({}))).toBe('ask');
    expect(retryOf(operation({ state: 'cancelled' }))).toBe('ask');
    expect(retryOf(operation({ state: 'succeeded' }))).toBeNull();
    expect(retryOf(operation({ state: 'running' }))).toBeNull();
    expect(retryOf(operation({ instanceName: null }))).toBeNull();
  });

  it('of a rollback is chosen and confirmed anew', () => {
    expect(retryOf(operation({ kind: 'rollback' }))).toBe('choose');
    expect(retryOf(operation({ kind: 'rollback', snapshotUid: null }))).toBeNull();
  });
});
