import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  AuditPage,
  ChainView,
  CreateExport,
  CreateRollback,
  CreateSnapshot,
  HostPage,
  InstancePage,
  InstanceQuery,
  InstanceView,
  Login,
  LoginView,
  OperationPage,
  OperationQuery,
  OperationView,
  ProblemDetails,
  RepairInstance,
  RollbackPage,
  RollbackView,
  SnapshotPage,
  SnapshotView,
  StepsView,
} from '@varve/contracts';
import type { AboutView, AuditView, RollbackPlanView, StepView, TimelineView } from '@varve/contracts';
import type { z } from 'zod';
import {
  estimateOf,
  hostOf,
  instanceOf,
  operationOf,
  overviewOf,
  planOf,
  rollbackOf,
  SESSION,
  timelineOf,
  snapshotOf,
  STORAGE,
} from './samples.js';

/** What happens to requests that match, instead of an answer. */
export interface Fault {
  readonly on: RegExp;
  readonly times: number;
  /** `drop`: the connection breaks; `late`: the request is carried out, but the answer is lost. */
  readonly how: 'drop' | 'late' | { status: number; body?: string; headers?: Record<string, string> };
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly facts: Record<string, string> = {},
  ) {
    super(message);
  }
}

/**
 * An HTTP server that answers as the API does, out of memory. Whatever it sends has passed the contracts' schemas.
 * Operations go through `script`, one entry every
 * `stepMs`, or with `null` at every {@link step}.
 */
export class TestApi {
  readonly token = 'a-token';
  /** What one logs in with, whoever one is. */
  readonly secret = 'a-secret';
  readonly seen: SeenRequest[] = [];
  readonly instances: InstanceView[] = [instanceOf('web-1'), instanceOf('db-1')];
  readonly snapshots: SnapshotView[] = [];
  readonly rollbacks: RollbackView[] = [];
  readonly operations = new Map<string, OperationView>();
  hosts = [hostOf('node-1')];
  faults: Fault[] = [];
  stepMs: number | null = 15;
  /** New operations begin when somebody watches them, who then misses nothing. */
  untilWatched = false;
  /** No live events: the stream is refused with 404. */
  withoutStream = false;
  /** Breaks every stream after so many events. */
  eventsPerStream = Infinity;
  script: readonly Partial<z.input<typeof OperationView>>[] = SNAPSHOT_SCRIPT;
  /** What repairs were asked for with. */
  readonly repairs: RepairInstance[] = [];
  readonly audit: AuditView[] = [];
  readonly steps: StepView[] = [];
  chain: Omit<ChainView, 'instanceId'> = { base: null, layers: [], observedAt: null };
  /** How one logs in. */
  identity: AboutView['identity'] = 'static';
  /** Of whoever logs in. */
  projects: readonly { readonly id: string; readonly name: string }[] = [];
  /** Instead of the sample's, of every instance. */
  timeline: TimelineView | null = null;
  /** Why a snapshot or a rollback would be refused. */
  refusal: RollbackPlanView['refusal'] = null;
  readonly #server: Server;
  readonly #answered = new Map<string, { status: number; body: unknown }>();
  readonly #streams = new Map<string, Set<ServerResponse>>();
  /** Of those who hear of everything, or of one instance. */
  readonly #listeners = new Map<ServerResponse, string | null>();
  readonly #unwatched = new Set<string>();
  #next: (() => void) | null = null;
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<TestApi> {
    const api = new TestApi();
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  requests(method: string, path: RegExp): SeenRequest[] {
    return this.seen.filter((request) => request.method === method && path.test(request.path));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/';
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const text = Buffer.concat(pieces).toString();
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    this.seen.push({ method: request.method ?? '', path, headers: request.headers, body });

    const fault = this.faults.find(({ on, times }) => times > 0 && on.test(`${request.method} ${path}`));
    if (fault) this.faults = this.faults.map((one) => (one === fault ? { ...one, times: one.times - 1 } : one));
    if (fault?.how === 'drop') return void request.socket.destroy();
    if (typeof fault?.how === 'object') {
      return void response.writeHead(fault.how.status, fault.how.headers).end(fault.how.body ?? 'out of order');
    }

    try {
      const isLogin = `${request.method} ${path}` === 'POST /v1/session';
      if (!isLogin && request.headers['x-auth-token'] !== this.token) {
        throw new Refusal(401, 'unauthorized', 'No valid token in X-Auth-Token or Authorization');
      }
      const url = new URL(path, this.url);
      const events = /^\/v1\/operations\/([^/]+)\/events$/.exec(url.pathname);
      if (events) return this.#stream(events[1] ?? '', response);
      if (url.pathname === '/v1/events') return this.#listen(url.searchParams.get('instanceId'), response);

      const key = request.headers['idempotency-key'];
      if (request.method === 'POST' && typeof key !== 'string') throw new Refusal(400, 'bad_request', 'no key');
      const known = typeof key === 'string' ? this.#answered.get(key) : undefined;
      const answer = known ?? this.#route(request.method ?? '', url, body);
      if (typeof key === 'string') this.#answered.set(key, answer);
      if (fault?.how === 'late') return void request.socket.destroy();
      send(response, answer.status, answer.body);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const problem = ProblemDetails.parse({
        type: `urn:varve:${error.code}`,
        title: error.code,
        status: error.status,
        detail: error.message,
        code: error.code,
        remedy: 'fix-request',
        facts: error.facts,
        requestId: 'req-1',
      });
      send(response, error.status, problem, 'application/problem+json');
    }
  }

  #route(method: string, url: URL, body: unknown): { status: number; body: unknown } {
    const [, , collection = '', id = '', part = ''] = url.pathname.split('/');
    switch (`${method} ${collection}${id && '/:id'}${part && `/${part}`}`) {
      case 'GET instances':
        return { status: 200, body: InstancePage.parse(pageOf(this.#instancesFor(url), url, (one) => one.id)) };
      case 'GET instances/:id':
        return { status: 200, body: InstanceView.parse(found(this.instances.find((one) => one.id === id))) };
      case 'GET instances/:id/snapshots':
        return { status: 200, body: SnapshotPage.parse(pageOf(this.#snapshotsOf(id), url, (one) => one.uid)) };
      case 'GET instances/:id/restore-points':
        return { status: 200, body: SnapshotPage.parse(pageOf(this.#restorePoints(id, url), url, (one) => one.uid)) };
      case 'POST instances/:id/snapshots': {
        const { name } = CreateSnapshot.parse(body);
        const operation = this.#operate(this.#free(id), 'snapshot');
        const snapshot = snapshotOf(operation, { name: name ?? null });
        this.snapshots.unshift(snapshot);
        return { status: 202, body: SnapshotView.parse(snapshot) };
      }
      case 'GET instances/:id/rollbacks':
        return { status: 200, body: RollbackPage.parse(pageOf(this.#rollbacksOf(id), url, (one) => one.id)) };
      case 'POST instances/:id/rollbacks': {
        const target = CreateRollback.parse(body);
        const snapshotUid = 'snapshotUid' in target ? target.snapshotUid : null;
        const rollback = rollbackOf(this.#operate(this.#free(id), 'rollback'), { kind: 'rollback', snapshotUid });
        this.rollbacks.unshift(rollback);
        return { status: 202, body: RollbackView.parse(rollback) };
      }
      case 'POST instances/:id/settle':
        return { status: 202, body: this.#operate(this.#free(id), 'settle') };
      case 'POST instances/:id/repair': {
        this.repairs.push(RepairInstance.parse(body));
        return { status: 202, body: this.#operate(this.#free(id), 'repair') };
      }
      case 'GET rollbacks/:id':
        return { status: 200, body: RollbackView.parse(found(this.rollbacks.find((one) => one.id === id))) };
      case 'POST rollbacks/:id/undo': {
        const undone = found(this.rollbacks.find((one) => one.id === id));
        const rollback = rollbackOf(this.#operate(undone.instanceId, 'undo'), { kind: 'undo', undoes: undone.id });
        this.rollbacks.unshift(rollback);
        return { status: 202, body: RollbackView.parse(rollback) };
      }
      case 'POST rollbacks/:id/keep': {
        const kept = found(this.rollbacks.find((one) => one.id === id));
        Object.assign(kept, { undoable: false, keptBytes: null });
        return { status: 202, body: this.#operate(this.#free(kept.instanceId), 'keep') };
      }
      case 'GET snapshots/:id':
        return { status: 200, body: SnapshotView.parse(found(this.snapshots.find((one) => one.uid === id))) };
      case 'POST snapshots/:id/exports': {
        CreateExport.parse(body);
        const { instanceId, uid } = found(this.snapshots.find((one) => one.uid === id));
        return { status: 202, body: this.#operate(this.#free(instanceId), 'export', uid) };
      }
      case 'DELETE snapshots/:id':
        return { status: 202, body: this.#delete(found(this.snapshots.find((one) => one.uid === id))) };
      case 'GET operations':
        return { status: 200, body: OperationPage.parse(pageOf(this.#operationsFor(url), url, (one) => one.id)) };
      case 'GET operations/:id':
        return { status: 200, body: found(this.operations.get(id)) };
      case 'POST operations/:id/cancel':
        return { status: 202, body: this.#change(found(this.operations.get(id)), { state: 'cancelled' }) };
      case 'GET instances/:id/chain':
        return { status: 200, body: ChainView.parse({ ...this.chain, instanceId: id }) };
      case 'GET instances/:id/snapshot-estimate':
        return { status: 200, body: estimateOf(id, this.refusal) };
      case 'GET instances/:id/rollback-plan':
        return { status: 200, body: planOf(id, this.#targetOf(id, url), this.refusal) };
      case 'GET operations/:id/steps':
        return { status: 200, body: StepsView.parse({ operationId: id, items: this.steps }) };
      case 'GET overview':
        return { status: 200, body: overviewOf(this.instances) };
      case 'GET overview/:id':
        return { status: 200, body: STORAGE };
      case 'GET audit':
        return { status: 200, body: AuditPage.parse(pageOf(this.audit, url, (one) => one.id)) };
      case 'POST session':
        return { status: 200, body: this.#login(body) };
      case 'DELETE session':
        return { status: 204, body: undefined };
      case 'GET instances/:id/timeline':
        return { status: 200, body: this.timeline ?? timelineOf(id, this.#snapshotsOf(id)) };
      case 'GET session':
        return { status: 200, body: SESSION };
      case 'GET about':
        return { status: 200, body: { version: '0.1.0', identity: this.identity } };
      case 'GET hosts':
        return { status: 200, body: HostPage.parse(pageOf(this.hosts, url, (one) => one.name)) };
      default:
        throw new Refusal(404, 'not_found', `No route ${method} ${url.pathname}`);
    }
  }

  #login(body: unknown): LoginView {
    const asked = Login.parse(body);
    const isRight =
      asked.method === 'token'
        ? asked.token === this.token
        : (asked.method === 'password' ? asked.password : asked.secret) === this.secret;
    if (!isRight) throw new Refusal(401, 'login_failed', 'The credentials are not right');
    const { token, projects } = this;
    return LoginView.parse({ token, session: SESSION, userName: 'Ann', projectName: 'demo', projects });
  }

  #targetOf(instanceId: string, { searchParams }: URL): SnapshotView {
    const [uid, at] = [searchParams.get('snapshotUid'), searchParams.get('at')];
    return found(
      this.#snapshotsOf(instanceId).find((one) =>
        uid === null ? (one.sealedAt ?? '') <= (at ?? '') : one.uid === uid,
      ),
    );
  }

  #instancesFor({ searchParams }: URL): InstanceView[] {
    const { search, protection, sort, order } = InstanceQuery.parse(Object.fromEntries(searchParams));
    const all = this.instances.filter(
      (one) =>
        (search === undefined || one.name.toLowerCase().includes(search.toLowerCase()) || one.id.startsWith(search)) &&
        (protection === undefined || one.protection === protection),
    );
    if (sort === 'name') all.sort((a, b) => a.name.localeCompare(b.name));
    return order === 'desc' ? all.reverse() : all;
  }

  #operationsFor({ searchParams }: URL): OperationView[] {
    const { instanceId, state, kind, active } = OperationQuery.parse(Object.fromEntries(searchParams));
    return [...this.operations.values()].filter(
      (one) =>
        (instanceId === undefined || one.instanceId === instanceId) &&
        (state === undefined || one.state === state) &&
        (kind === undefined || one.kind === kind) &&
        (active === undefined || active === ['queued', 'running'].includes(one.state)),
    );
  }

  #snapshotsOf = (instanceId: string): SnapshotView[] => this.snapshots.filter((one) => one.instanceId === instanceId);
  #rollbacksOf = (instanceId: string): RollbackView[] => this.rollbacks.filter((one) => one.instanceId === instanceId);

  #restorePoints(instanceId: string, url: URL): SnapshotView[] {
    const from = Date.parse(url.searchParams.get('from') ?? '1970-01-01');
    const to = Date.parse(url.searchParams.get('to') ?? '9999-01-01');
    return this.#snapshotsOf(instanceId).filter(({ status, sealedAt }) => {
      const at = Date.parse(sealedAt ?? '');
      return status === 'available' && at >= from && at <= to;
    });
  }

  #delete({ instanceId, uid }: SnapshotView): OperationView {
    const operation = this.#operate(this.#free(instanceId), 'delete');
    this.snapshots.splice(0, Infinity, ...this.snapshots.filter((one) => one.uid !== uid));
    return operation;
  }

  /** One operation per instance at a time. */
  #free(instanceId: string): string {
    const running = [...this.operations.values()].find(
      (one) => one.instanceId === instanceId && (one.state === 'queued' || one.state === 'running'),
    );
    if (running) {
      const message = `Operation ${running.id} is running on instance ${instanceId}; wait for it or cancel it`;
      throw new Refusal(409, 'operation_running', message, { operationId: running.id });
    }
    return found(this.instances.find((one) => one.id === instanceId)).id;
  }

  #operate(instanceId: string, kind: OperationView['kind'], snapshotUid: string | null = null): OperationView {
    const operation = operationOf(instanceId, { id: randomUUID(), kind, snapshotUid });
    this.operations.set(operation.id, operation);
    if (this.untilWatched) this.#unwatched.add(operation.id);
    else this.#play(operation, this.script);
    return operation;
  }

  #play(operation: OperationView, [next, ...rest]: TestApi['script']): void {
    if (!next) return;
    const go = (): void => this.#play(this.#change(operation, next), rest);
    if (this.stepMs === null) return void (this.#next = go);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      go();
    }, this.stepMs);
    this.#timers.add(timer);
  }

  /** The newest operation goes one entry further; nothing to do when it is over. */
  step(): void {
    const go = this.#next;
    this.#next = null;
    go?.();
  }

  #change(operation: OperationView, change: TestApi['script'][number]): OperationView {
    const changed = OperationView.parse({ ...operation, ...change });
    this.operations.set(changed.id, changed);
    if (changed.state === 'succeeded') this.#settle(changed);
    for (const stream of this.#streams.get(changed.id) ?? []) this.#push(stream, changed);
    this.tell(changed.instanceId, 'operation', changed);
    return changed;
  }

  #settle({ id }: OperationView): void {
    for (const one of this.snapshots.filter(({ operationId }) => operationId === id)) {
      const at = new Date().toISOString();
      Object.assign(one, { status: 'available', sealedAt: at, availableAt: at, stallMs: 1.8, consistency: 'crash' });
      Object.assign(one, { changedBytes: 12_582_912, uploadedBytes: 12_000_000 });
    }
    for (const one of this.rollbacks.filter((rollback) => rollback.id === id)) {
      Object.assign(one, {
        state: 'succeeded',
        fetchedBytes: 0,
        localBytes: 5_000_000,
        downtimeMs: 2345,
        undoable: true,
      });
    }
  }

  readonly #left = new WeakMap<ServerResponse, number>();

  #stream(id: string, response: ServerResponse): void {
    const operation = found(this.operations.get(id));
    if (this.withoutStream) throw new Refusal(404, 'not_found', 'No live events');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    this.#left.set(response, this.eventsPerStream);
    const streams = this.#streams.get(id) ?? new Set();
    this.#streams.set(id, streams.add(response));
    response.on('close', () => streams.delete(response));
    response.write(': here\r\n\r\n');
    this.#push(response, operation);
    if (this.#unwatched.delete(id)) this.#play(operation, this.script);
  }

  #listen(instanceId: string | null, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.on('close', () => this.#listeners.delete(response));
    response.write('event: ready\ndata: {}\n\n');
    this.#listeners.set(response, instanceId);
  }

  /** Tells those who listen that something has happened to an instance; operations are told of by themselves. */
  tell(instanceId: string, type: 'operation' | 'chain' | 'instance', data: object): void {
    for (const [response, only] of this.#listeners) {
      if (only === null || only === instanceId) response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }

  /** Breaks the connections of those who listen. */
  hangUp(): void {
    for (const response of this.#listeners.keys()) response.destroy();
  }

  #push(response: ServerResponse, operation: OperationView): void {
    const left = (this.#left.get(response) ?? 0) - 1;
    this.#left.set(response, left);
    const text = `event: operation\nid: ${randomUUID()}\ndata: ${JSON.stringify(operation)}\n\n`;
    // In two pieces, as a network may cut it.
    response.write(text.slice(0, 50));
    response.write(text.slice(50));
    if (left <= 0) response.destroy();
  }
}

function send(response: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
  response
    .writeHead(status, { 'content-type': type, 'x-openstack-request-id': 'req-1' })
    .end(body === undefined ? '' : JSON.stringify(body));
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) throw new Refusal(404, 'not_found', 'There is none');
  return thing;
}

function pageOf<Item>(items: readonly Item[], url: URL, keyOf: (item: Item) => string) {
  const limit = Number(url.searchParams.get('limit') ?? 100);
  const marker = url.searchParams.get('marker');
  const begin = marker === null ? 0 : items.findIndex((item) => keyOf(item) === marker) + 1;
  const page = items.slice(begin, begin + limit);
  const last = page.at(-1);
  return { items: page, nextMarker: begin + limit < items.length && last ? keyOf(last) : null };
}

const MIB = 1_048_576;
export const SNAPSHOT_SCRIPT: TestApi['script'] = [
  { state: 'running', phase: 'capturing' },
  { state: 'running', phase: 'uploading', doneBytes: 0, totalBytes: 12 * MIB },
  { state: 'running', phase: 'uploading', doneBytes: 6 * MIB, totalBytes: 12 * MIB },
  { state: 'running', phase: 'uploading', doneBytes: 12 * MIB, totalBytes: 12 * MIB },
  { state: 'running', phase: 'merging', doneBytes: 0, totalBytes: 4 * MIB },
  { state: 'succeeded', phase: 'finishing', doneBytes: 0, totalBytes: 0, chainLength: 2 },
];
