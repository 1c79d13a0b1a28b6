import type { EventData, EventType, Job, Step, VarveEvent } from '@varve/contracts';
import { VarveEvent as VarveEventSchema } from '@varve/contracts';
import type { ImageId, LayerUid } from '@varve/core';

export type DiskJob = Exclude<Job, { type: 'operation.cancel' }>;

export interface Story {
  /** When the first of them happened; the others come a second apart. */
  readonly atMs: number;
  readonly outcome?: 'succeeded' | 'failed' | 'cancelled';
  /** What a new layer stands on. */
  readonly backing: LayerUid | null;
  /** What the chain stands on at the end; by default what follows from the outcome. */
  readonly head?: LayerUid | null;
  readonly host?: string;
}

const PROBLEM = { code: 'store_unavailable', remedy: 'retry' as const, message: 'away', facts: {} };

/** What a worker says about a job, in order. */
export function eventsOf(job: DiskJob, story: Story): VarveEvent[] {
  const { outcome = 'succeeded' } = story;
  const { operationId, instanceId } = job;
  const of = { operationId, instanceId };
  const events: VarveEvent[] = [];
  const say = <Type extends EventType>(type: Type, data: EventData<Type>): void => {
    const at = new Date(story.atMs + events.length * 1_000).toISOString();
    events.push(eventAt(story.host ?? 'compute-1', `${operationId}:${events.length}`, at, type, instanceId, data));
  };
  const progress = (doneBytes: number, pastNoReturn: boolean): void =>
    say('operation.progress', { ...of, phase: 'uploading', doneBytes, totalBytes: 1000, pastNoReturn });

  const steps: Step[] = [];
  const step = (name: string, state: Step['state'], detail: string | null = null): void => {
    const at = new Date(story.atMs + events.length * 1_000).toISOString();
    const known = steps.findIndex((one) => one.name === name);
    const startedAt = steps[known]?.startedAt ?? at;
    const now = { name, state, startedAt, finishedAt: state === 'running' ? null : at, detail };
    if (known >= 0) steps[known] = now;
    else steps.push(now);
    say('operation.step', { ...of, step: now });
  };

  say('operation.accepted', { ...of, epoch: job.epoch });
  step('examine chain', 'running');
  step('examine chain', 'done');
  step('do it', 'running');
  if (job.type === 'snapshot.take') {
    const { snapshotUid } = job;
    const sealedAt = new Date(story.atMs + 500).toISOString();
    say('snapshot.sealed', { ...of, snapshotUid, sealedAt, stallMs: 1.5, consistency: 'crash', powerState: 'running' });
    progress(500, false);
    if (outcome !== 'cancelled') progress(1000, true);
    if (outcome === 'succeeded') {
      say('snapshot.available', { ...of, snapshotUid, layer: layerOf(job, story.backing), healed: false });
    }
    if (outcome === 'failed') say('snapshot.failed', { ...of, snapshotUid, problem: PROBLEM });
  } else if (job.type === 'point.export') {
    const { snapshotUid } = job;
    progress(500, false);
    if (outcome === 'succeeded') {
      const imageId = crypto.randomUUID() as ImageId;
      say('export.completed', {
        ...of,
        snapshotUid,
        imageId,
        sizeBytes: 1000,
        sha512: 'd'.repeat(128),
        fetchedBytes: 100,
      });
    } else say('export.failed', { ...of, snapshotUid, problem: PROBLEM });
  } else if (job.type === 'rollback.run' || job.type === 'rollback.undo') {
    progress(500, false);
    progress(1000, true);
    if (outcome === 'succeeded')
      say('rollback.completed', { ...of, fetchedBytes: 100, localBytes: 200, downtimeMs: 30 });
    else say('rollback.failed', { ...of, problem: PROBLEM });
  }
  if (outcome === 'succeeded') step('do it', 'done');
  else step('do it', 'failed', PROBLEM.message);
  const end = { ...of, steps, state: outcome, problem: outcome === 'failed' ? PROBLEM : null };
  // It has not looked at the chain.
  if (job.type === 'point.export') say('operation.finished', { ...end, chainLength: null, merges: [] });
  else
    say('operation.finished', {
      ...end,
      chainLength: 2,
      headLayerUid: story.head === undefined ? headAfter(job, outcome, story.backing) : story.head,
      topLayerUid: story.head === undefined ? headAfter(job, outcome, story.backing) : story.head,
      merges: outcome === 'succeeded' ? [{ strategy: 'copy', seconds: 0.5 }] : [],
    });
  return events;
}

export function eventAt<Type extends EventType>(
  host: string,
  id: string,
  time: string,
  type: Type,
  subject: string,
  data: EventData<Type>,
): VarveEvent {
  const source = `/varve/hosts/${host}`;
  return VarveEventSchema.parse({
    specversion: '1.0',
    id,
    source,
    type,
    subject,
    time,
    datacontenttype: 'application/json',
    data,
  });
}

function headAfter(job: DiskJob, outcome: string, backing: LayerUid | null): LayerUid | null {
  if (job.type === 'disk.settle' && outcome === 'succeeded') return null;
  if (outcome !== 'succeeded') return backing;
  if (job.type === 'snapshot.take') return job.layerUid;
  return job.type === 'rollback.run' ? (job.lineage.at(-1)?.uid ?? null) : backing;
}

function layerOf(
  { projectId, instanceId, layerUid }: Extract<DiskJob, { type: 'snapshot.take' }>,
  backingUid: LayerUid | null,
): EventData<'snapshot.available'>['layer'] {
  const key = `${projectId}/${instanceId}/layers/${layerUid}`;
  return {
    uid: layerUid,
    backingUid,
    baseSha256: backingUid === null ? 'b'.repeat(64) : null,
    objectKey: `${key}.qcow2.zst`,
    manifestKey: `${key}.json`,
    manifestSha256: 'a'.repeat(64),
    sha256: 'c'.repeat(64),
    objectBytes: 900,
    fileBytes: 4096,
    changedBytes: 1000,
    virtualSizeBytes: 2 ** 30,
  };
}
