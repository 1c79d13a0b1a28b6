import type {
  CreateExport,
  CreateRollback,
  EventsQuery,
  Login,
  Page,
  RepairInstance,
  RollbackPlanQuery,
} from '@varve/contracts';
import {
  AboutView,
  AuditPage,
  AuditQuery,
  AuditView,
  ChainView,
  CreateSnapshot,
  HostPage,
  HostView,
  InstancePage,
  InstanceQuery,
  InstanceView,
  LoginView,
  OperationPage,
  OperationQuery,
  OperationView,
  OverviewView,
  PageQuery,
  RestorePointQuery,
  RollbackPage,
  RollbackPlanView,
  RollbackView,
  SessionView,
  SnapshotEstimate,
  SnapshotPage,
  SnapshotQuery,
  SnapshotView,
  StepsView,
  StorageHistory,
  StorageQuery,
  TimelineQuery,
  TimelineView,
} from '@varve/contracts';
import { z } from 'zod';
import type { LiveEvent, LiveOptions } from './live.js';
import { live } from './live.js';
import { allOf } from './paging.js';
import type { ApiQuery, TransportOptions } from './transport.js';
import { Transport } from './transport.js';
import type { WatchOptions } from './watch.js';
import { watch } from './watch.js';

/** A query as a caller writes it: defaults left to the API. */
type Query<Schema extends z.ZodType> = Partial<z.output<Schema>>;

interface CallOptions {
  readonly signal?: AbortSignal;
}

/**
 * The HTTP API of Varve. Answers are parsed with the schemas that the API itself is described by; unknown fields are
 * left out, so that an older client reads a newer API.
 *
 * A method named in the plural goes through all pages as they are needed; `limit` then is the size of a page. Every
 * method throws {@link ApiError}, after its retries.
 */
export class VarveClient {
  readonly #http: Transport;

  constructor(options: TransportOptions) {
    this.#http = new Transport(options);
  }

  // ---- instances

  instances(query: Query<typeof InstanceQuery> = {}, options: CallOptions = {}): AsyncIterable<InstanceView> {
    return this.#all('/v1/instances', query, InstancePage, options);
  }

  instancePage(query: Query<typeof InstanceQuery> = {}, options: CallOptions = {}): Promise<Page<InstanceView>> {
    return this.#get('/v1/instances', InstancePage, options, query);
  }

  instance(id: string, options: CallOptions = {}): Promise<InstanceView> {
    return this.#get(`/v1/instances/${encodeURIComponent(id)}`, InstanceView, options);
  }

  /** Its layers, as they are on its host now. */
  chain(instanceId: string, options: CallOptions = {}): Promise<ChainView> {
    return this.#get(`/v1/instances/${encodeURIComponent(instanceId)}/chain`, ChainView, options);
  }

  /** Its restore points and branches in time; in groups where there are too many to show. */
  timeline(
    instanceId: string,
    query: Query<typeof TimelineQuery> = {},
    options: CallOptions = {},
  ): Promise<TimelineView> {
    return this.#get(`/v1/instances/${encodeURIComponent(instanceId)}/timeline`, TimelineView, options, query);
  }

  // ---- snapshots

  /** What a snapshot now would be like, and why it would be refused. */
  snapshotEstimate(instanceId: string, options: CallOptions = {}): Promise<SnapshotEstimate> {
    return this.#get(`/v1/instances/${encodeURIComponent(instanceId)}/snapshot-estimate`, SnapshotEstimate, options);
  }

  /** @returns as soon as the request is recorded; follow `operationId` */
  createSnapshot(
    instanceId: string,
    body: z.input<typeof CreateSnapshot> = {},
    options: CallOptions = {},
  ): Promise<SnapshotView> {
    return this.#post(`/v1/instances/${encodeURIComponent(instanceId)}/snapshots`, body, SnapshotView, options);
  }

  snapshots(
    instanceId: string,
    query: Query<typeof SnapshotQuery> = {},
    options: CallOptions = {},
  ): AsyncIterable<SnapshotView> {
    return this.#all(`/v1/instances/${encodeURIComponent(instanceId)}/snapshots`, query, SnapshotPage, options);
  }

  snapshotPage(
    instanceId: string,
    query: Query<typeof SnapshotQuery> = {},
    options: CallOptions = {},
  ): Promise<Page<SnapshotView>> {
    return this.#get(`/v1/instances/${encodeURIComponent(instanceId)}/snapshots`, SnapshotPage, options, query);
  }

  snapshot(uid: string, options: CallOptions = {}): Promise<SnapshotView> {
    return this.#get(`/v1/snapshots/${encodeURIComponent(uid)}`, SnapshotView, options);
  }

  /** @returns as soon as the request is recorded: the operation that does it, which may be over already */
  deleteSnapshot(uid: string, { signal }: CallOptions = {}): Promise<OperationView> {
    const path = `/v1/snapshots/${encodeURIComponent(uid)}`;
    return this.#http.send({ method: 'DELETE', path, signal }, OperationView);
  }

  /** What can be gone back to, newest first. */
  restorePoints(
    instanceId: string,
    query: Query<typeof RestorePointQuery> = {},
    options: CallOptions = {},
  ): AsyncIterable<SnapshotView> {
    return this.#all(`/v1/instances/${encodeURIComponent(instanceId)}/restore-points`, query, SnapshotPage, options);
  }

  restorePointPage(
    instanceId: string,
    query: Query<typeof RestorePointQuery> = {},
    options: CallOptions = {},
  ): Promise<Page<SnapshotView>> {
    return this.#get(`/v1/instances/${encodeURIComponent(instanceId)}/restore-points`, SnapshotPage, options, query);
  }

  /** Makes an image of the cloud of it. @returns as soon as the request is recorded; in the end its `imageId` is said */
  exportSnapshot(uid: string, body: z.input<typeof CreateExport>, options: CallOptions = {}): Promise<OperationView> {
    return this.#post(`/v1/snapshots/${encodeURIComponent(uid)}/exports`, body, OperationView, options);
  }

  // ---- rollbacks

  /** What a rollback there would do, and why it would be refused. */
  rollbackPlan(instanceId: string, target: RollbackPlanQuery, options: CallOptions = {}): Promise<RollbackPlanView> {
    const path = `/v1/instances/${encodeURIComponent(instanceId)}/rollback-plan`;
    return this.#get(path, RollbackPlanView, options, target);
  }

  /** @returns as soon as the request is recorded; its `id` is also the operation's */
  createRollback(instanceId: string, body: CreateRollback, options: CallOptions = {}): Promise<RollbackView> {
    return this.#post(`/v1/instances/${encodeURIComponent(instanceId)}/rollbacks`, body, RollbackView, options);
  }

  rollbacks(
    instanceId: string,
    query: Query<typeof PageQuery> = {},
    options: CallOptions = {},
  ): AsyncIterable<RollbackView> {
    return this.#all(`/v1/instances/${encodeURIComponent(instanceId)}/rollbacks`, query, RollbackPage, options);
  }

  rollback(id: string, options: CallOptions = {}): Promise<RollbackView> {
    return this.#get(`/v1/rollbacks/${encodeURIComponent(id)}`, RollbackView, options);
  }

  /** Brings back what the rollback replaced. @returns the undo's own rollback */
  undoRollback(id: string, options: CallOptions = {}): Promise<RollbackView> {
    return this.#post(`/v1/rollbacks/${encodeURIComponent(id)}/undo`, undefined, RollbackView, options);
  }

  /** Gives up what the rollback replaced, which takes space on the host: after that it can't be undone. */
  keepRollback(id: string, options: CallOptions = {}): Promise<OperationView> {
    return this.#post(`/v1/rollbacks/${encodeURIComponent(id)}/keep`, undefined, OperationView, options);
  }

  rollbackPage(
    instanceId: string,
    query: Query<typeof PageQuery> = {},
    options: CallOptions = {},
  ): Promise<Page<RollbackView>> {
    return this.#get(`/v1/instances/${encodeURIComponent(instanceId)}/rollbacks`, RollbackPage, options, query);
  }

  /** Brings the system disk back to one layer on its base image; the instance goes on running. */
  settle(instanceId: string, options: CallOptions = {}): Promise<OperationView> {
    return this.#post(`/v1/instances/${encodeURIComponent(instanceId)}/settle`, undefined, OperationView, options);
  }

  /** Brings back the layers that whoever moved or resized the instance has left behind. */
  repair(
    instanceId: string,
    body: z.input<typeof RepairInstance> = {},
    options: CallOptions = {},
  ): Promise<OperationView> {
    return this.#post(`/v1/instances/${encodeURIComponent(instanceId)}/repair`, body, OperationView, options);
  }

  // ---- operations

  operations(query: Query<typeof OperationQuery> = {}, options: CallOptions = {}): AsyncIterable<OperationView> {
    return this.#all('/v1/operations', query, OperationPage, options);
  }

  operationPage(query: Query<typeof OperationQuery> = {}, options: CallOptions = {}): Promise<Page<OperationView>> {
    return this.#get('/v1/operations', OperationPage, options, query);
  }

  /** What its host did, step by step. */
  steps(operationId: string, options: CallOptions = {}): Promise<StepsView> {
    return this.#get(`/v1/operations/${encodeURIComponent(operationId)}/steps`, StepsView, options);
  }

  operation(id: string, options: CallOptions = {}): Promise<OperationView> {
    return this.#get(`/v1/operations/${encodeURIComponent(id)}`, OperationView, options);
  }

  /** Asks for it; whether it came in time shows in the operation's final state. */
  cancelOperation(id: string, options: CallOptions = {}): Promise<OperationView> {
    return this.#post(`/v1/operations/${encodeURIComponent(id)}/cancel`, undefined, OperationView, options);
  }

  /** Every state of the operation from now on; ends with the final one. */
  watchOperation(id: string, options: WatchOptions = {}): AsyncIterable<OperationView> {
    return watch(
      {
        operation: (signal) => this.operation(id, { signal }),
        openStream: (signal) => this.#http.openStream(`/v1/operations/${encodeURIComponent(id)}/events`, signal),
      },
      options,
    );
  }

  /** Everything that happens to what one may see, or to one instance, from now on; never ends by itself. */
  events(query: EventsQuery = {}, options: LiveOptions = {}): AsyncIterable<LiveEvent> {
    return live((signal) => this.#http.openStream('/v1/events', signal, { ...query }), options);
  }

  // ---- hosts

  /** For administrators alone. */
  hosts(query: Query<typeof PageQuery> = {}, options: CallOptions = {}): AsyncIterable<HostView> {
    return this.#all('/v1/hosts', query, HostPage, options);
  }

  hostPage(query: Query<typeof PageQuery> = {}, options: CallOptions = {}): Promise<Page<HostView>> {
    return this.#get('/v1/hosts', HostPage, options, query);
  }

  // ---- all of it

  overview(options: CallOptions = {}): Promise<OverviewView> {
    return this.#get('/v1/overview', OverviewView, options);
  }

  /** What is stored, over time. */
  storageHistory(query: Query<typeof StorageQuery> = {}, options: CallOptions = {}): Promise<StorageHistory> {
    return this.#get('/v1/overview/storage', StorageHistory, options, query);
  }

  /** Who did what, newest first. For administrators alone. */
  audit(query: Query<typeof AuditQuery> = {}, options: CallOptions = {}): AsyncIterable<AuditView> {
    return this.#all('/v1/audit', query, AuditPage, options);
  }

  auditPage(query: Query<typeof AuditQuery> = {}, options: CallOptions = {}): Promise<Page<AuditView>> {
    return this.#get('/v1/audit', AuditPage, options, query);
  }

  // ---- who

  /** Answered without a token. */
  about(options: CallOptions = {}): Promise<AboutView> {
    return this.#get('/v1/about', AboutView, options);
  }

  /** Whose token this is, and what it may. */
  session(options: CallOptions = {}): Promise<SessionView> {
    return this.#get('/v1/session', SessionView, options);
  }

  /** Answered without a token: gives one. */
  login(body: z.input<typeof Login>, options: CallOptions = {}): Promise<LoginView> {
    return this.#post('/v1/session', body, LoginView, options);
  }

  /** Keystone's token no longer counts. One of the API's tokens file does until it is taken out there: see {@link about}. */
  logout({ signal }: CallOptions = {}): Promise<undefined> {
    return this.#http.send({ method: 'DELETE', path: '/v1/session', signal }, z.undefined());
  }

  #get<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
    { signal }: CallOptions,
    query: ApiQuery = {},
  ): Promise<z.output<Schema>> {
    return this.#http.send({ method: 'GET', path, query, signal }, schema);
  }

  #post<Schema extends z.ZodType>(
    path: string,
    body: unknown,
    schema: Schema,
    { signal }: CallOptions,
  ): Promise<z.output<Schema>> {
    return this.#http.send({ method: 'POST', path, body, signal }, schema);
  }

  #all<Item>(
    path: string,
    query: ApiQuery,
    schema: z.ZodType<Page<Item>>,
    { signal }: CallOptions,
  ): AsyncIterable<Item> {
    return allOf((marker) =>
      this.#http.send({ method: 'GET', path, query: { ...query, marker: marker ?? query['marker'] }, signal }, schema),
    );
  }
}
