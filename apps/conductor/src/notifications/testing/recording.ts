import { readFileSync } from 'node:fs';
import type { NovaServer } from '@varve/adapters';
import type { InstanceId, ProjectId } from '@varve/core';
import type { NovaSource } from '../nova-reconciliation.js';

/** What a real Nova 26 notified of one server in two minutes, and what its API said after each step. */
export interface Recording {
  readonly instance: InstanceId;
  /** In the order of their arrival, both forms. */
  readonly notifications: readonly {
    readonly during: string;
    readonly key: string;
    readonly message: Readonly<Record<string, unknown>> & { readonly event_type: string };
  }[];
  /** Of the API, newest first. */
  readonly actions: readonly RecordedAction[];
  readonly shown: readonly {
    readonly after: string;
    readonly server: Record<string, unknown>;
    readonly actions: number;
  }[];
}

interface RecordedAction {
  readonly action: string;
  readonly request_id: string;
  readonly start_time: string;
  readonly events: { event: string; result: string | null; finish_time: string | null }[];
}

export function readRecording(): Recording {
  const file = new URL('./recorded-server.ndjson', import.meta.url);
  const [head, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  if (head === undefined) throw new Error('the recording is empty');
  const parsed = lines.map((line) => JSON.parse(line) as Recording['notifications'][number]);
  return { ...(JSON.parse(head) as Omit<Recording, 'notifications'>), notifications: parsed };
}

/** As it comes from the broker. */
export const wrapped = (message: object): object => ({
  'oslo.version': '2.0',
  'oslo.message': JSON.stringify(message),
});

/** The steps of the recording, in order. */
export const steps = (recording: Recording): string[] => [
  ...new Set(recording.notifications.map(({ during }) => during)),
];

/** The API as it was after a step; after `delete` there is no such server. */
export function apiAfter(recording: Recording, step: string): NovaSource {
  const shown = recording.shown.find(({ after }) => after === step);
  const server = shown ? toServer(shown.server) : null;
  const actions = shown ? recording.actions.slice(recording.actions.length - shown.actions) : recording.actions;
  return {
    server: () => Promise.resolve(server),
    servers: () => Promise.resolve({ servers: server ? [server] : [], unclear: [], last: null }),
    actions: () => Promise.resolve([...actions]),
    action: (_, requestId) => Promise.resolve(actions.find((one) => one.request_id === requestId) ?? null),
  };
}

const toServer = (body: Record<string, unknown>): NovaServer => ({
  id: body['id'] as InstanceId,
  name: body['name'] as string,
  projectId: body['tenant_id'] as ProjectId,
  host: body['OS-EXT-SRV-ATTR:host'] as string | null,
  vmState: body['OS-EXT-STS:vm_state'] as string,
  taskState: body['OS-EXT-STS:task_state'] as string | null,
  isPoweredOff: body['OS-EXT-STS:power_state'] === 4,
  locked: body['locked'] === true,
  imageId: (body['image'] as { id: string }).id,
  encrypted: false,
  launchedAt: body['OS-SRV-USG:launched_at'] as string | null,
  fault: null,
});
