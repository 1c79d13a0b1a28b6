import type { LayerStore } from '@varve/ports';
import { FakeIdentity } from '@varve/ports/testing';
import type { ProjectId } from '@varve/core';
import { Client } from 'pg';
import type { Api } from '../../../api/src/create-api.js';
import { createApi } from '../../../api/src/create-api.js';
import type { Conductor } from '../../src/create-conductor.js';
import type { ConductorConfig } from '../../src/config.js';
import { createConductor } from '../../src/create-conductor.js';
import { FakeWorker } from './fake-worker.js';
import type { ReportedInstance } from './fake-worker.js';
import { until } from './until.js';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // A test looks into answers of every kind.
  readonly body: Record<string, unknown> & { items: Record<string, unknown>[] };
}

export interface Settings {
  readonly databaseUrl: string;
  readonly amqpUrl: string;
  readonly apis?: number;
  readonly conductors?: number;
  readonly hostDownAfterS?: number;
  readonly hostGoneAfterS?: number;
  readonly nova?: ConductorConfig['nova'];
  readonly oslo?: ConductorConfig['oslo'];
}

/** `<role>-<project>` is a token of that role in that project; and `rosa` can log in, with the password `right`. */
export const identity = new FakeIdentity(
  (token) => {
    const [, role, project] = /^(admin|member|reader)-([\w-]+)$/.exec(token) ?? [];
    if (role === undefined || project === undefined) return null;
    return { userId: `user-${token}`, projectId: project as ProjectId, roles: [role], expiresAt: null };
  },
  [{ user: 'rosa', password: 'right', roles: { red: ['member'], pink: ['reader'], empty: [] } }],
);

/** Several APIs and conductors on one database and one broker, in this process. */
export class ControlPlane {
  readonly workers: FakeWorker[] = [];
  readonly removed: string[] = [];
  /** Thrown by the store when something is removed, if set. */
  storeFault: Error | null = null;
  private turn = 0;

  private constructor(
    readonly settings: Settings,
    readonly apis: Api[],
    readonly conductors: Conductor[],
  ) {}

  static async start(settings: Settings): Promise<ControlPlane> {
    // Its hosts are heard of once, and a test takes as long as it takes.
    const { databaseUrl, amqpUrl, apis = 1, conductors = 1, hostDownAfterS = 900, hostGoneAfterS = 900 } = settings;
    const plane = new ControlPlane(settings, [], []);
    const store: Pick<LayerStore, 'delete'> = {
      delete: ({ objectKey }) => {
        if (plane.storeFault) return Promise.reject(plane.storeFault);
        plane.removed.push(objectKey);
        return Promise.resolve();
      },
    };
    const http = { host: '127.0.0.1', port: 0 };
    const logLevel = process.env['SPEC_LOG'] ?? 'silent';
    const common = { databaseUrl, http, hostDownAfterS, logLevel };
    const started = await Promise.all([
      ...Array.from({ length: apis }, () =>
        createApi(
          { ...common, frameAncestors: "'none'", identity: { kind: 'static', tokensFile: '/nowhere' } },
          { identity },
        ),
      ),
      ...Array.from({ length: conductors }, () =>
        createConductor(
          {
            ...common,
            amqpUrl,
            hostGoneAfterS,
            nova: settings.nova ?? null,
            oslo: settings.oslo ?? null,
            sweepIntervalS: 0.2,
            store: { kind: 'filesystem', root: '/nowhere', mountRequired: false },
          },
          { store },
        ),
      ),
    ]);
    plane.apis.push(...started.slice(0, apis));
    plane.conductors.push(...started.slice(apis));
    return plane;
  }

  async stop(): Promise<void> {
    for (const worker of this.workers) await worker.close();
    for (const conductor of this.conductors) await conductor.close();
    for (const api of this.apis) await api.close();
  }

  /** A host that has been heard of, with these instances. */
  async host(name: string, instances: ReportedInstance[]): Promise<FakeWorker> {
    const worker = await FakeWorker.start(this.settings.amqpUrl, name, instances);
    this.workers.push(worker);
    await worker.heartbeat();
    await until(`the catalog knows ${name}`, async () => {
      const ids = instances.map(({ id }) => id);
      const known = await this.rows(`select from instances where id = any($1)`, [ids]);
      return known.length === ids.length && (await this.rows(`select from hosts where name = $1`, [name])).length === 1;
    });
    return worker;
  }

  /** The APIs take turns. */
  async call(
    token: string,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const api = this.apis[this.turn++ % this.apis.length];
    if (!api) throw new Error('no API was started');
    const response = await fetch(api.url + path, {
      method,
      headers: {
        'x-auth-token': token,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: (text ? JSON.parse(text) : {}) as Answer['body'],
    };
  }

  async operation(token: string, id: unknown, state: string): Promise<Answer['body']> {
    return until(`operation ${String(id)} is ${state}`, async () => {
      const { body } = await this.call(token, 'GET', `/v1/operations/${String(id)}`);
      return body['state'] === state && body;
    });
  }

  /** From the request until the worker said that it is over. */
  async snapshot(token: string, worker: FakeWorker, instanceId: string, body: object = {}): Promise<Answer['body']> {
    const asked = await this.call(token, 'POST', `/v1/instances/${instanceId}/snapshots`, body);
    if (asked.status !== 202) throw new Error(`refused: ${JSON.stringify(asked.body)}`);
    await this.perform(worker, asked.body['operationId']);
    await this.operation(token, asked.body['operationId'], 'succeeded');
    return (await this.call(token, 'GET', `/v1/snapshots/${String(asked.body['uid'])}`)).body;
  }

  async perform(worker: FakeWorker, operationId: unknown): Promise<void> {
    const job = await until(`the job of ${String(operationId)} arrives`, () => worker.jobFor(String(operationId)));
    await worker.perform(job);
  }

  /** On a connection of its own each time: the database may have been away. */
  async rows(sql: string, parameters: unknown[] = []): Promise<Record<string, unknown>[]> {
    const db = new Client({ connectionString: this.settings.databaseUrl });
    await db.connect();
    try {
      return (await db.query<Record<string, unknown>>(sql, parameters)).rows;
    } finally {
      await db.end();
    }
  }
}
