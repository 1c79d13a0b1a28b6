import type { ChainLayerView, OperationView } from '@varve/contracts';
import { expect, it } from 'vitest';
import { atWork } from './at-work.ts';

const layer = (role: ChainLayerView['role'], stored: boolean): ChainLayerView => ({
  role,
  stored,
  layerUid: null,
  snapshotUid: null,
  snapshotName: null,
  fileBytes: 0,
  allocatedBytes: 0,
});
const during = (phase: OperationView['phase'], doneBytes = 0, totalBytes = 0) =>
  ({ state: 'running', phase, doneBytes, totalBytes }) as const;
const CHAIN = [layer('history', true), layer('sealed', false), layer('active', false)];

it('is the active layer that is being sealed', () => {
  expect([...atWork(CHAIN, during('capturing'))]).toEqual([[2, { what: 'capturing', percent: null }]]);
});

it('is the sealed layer that is not stored yet that is being uploaded', () => {
  expect([...atWork(CHAIN, during('uploading', 30, 120))]).toEqual([[1, { what: 'uploading', percent: 25 }]]);
  expect(atWork([layer('history', true), layer('active', false)], during('uploading')).size).toBe(0);
});

it('is the newest of them, where an upload has failed before', () => {
  const chain = [layer('history', true), layer('sealed', false), layer('sealed', false), layer('active', false)];
  expect([...atWork(chain, during('uploading')).keys()]).toEqual([2]);
});

it('is the history and what stands on it that are being merged', () => {
  expect([...atWork(CHAIN, during('merging')).keys()]).toEqual([0, 1]);
});

it('is none while nothing runs, or something else', () => {
  expect(atWork(CHAIN, null).size).toBe(0);
  expect(atWork(CHAIN, during('fetching')).size).toBe(0);
  expect(atWork(CHAIN, { ...during('uploading'), state: 'queued' }).size).toBe(0);
});
