import type { NovaApi, NovaServer } from '@varve/adapters';
import type { Catalog, Log, Observation, RootChange } from '@varve/catalog';
import { recordNews } from './nova-notifications.js';

/** The part of Nova's API that is asked. */
export type NovaSource = Pick<NovaApi, 'server' | 'servers' | 'actions' | 'action'>;

const PAGE = 500;
/** A server's actions after which it has another system disk, and the part of them that gives it one. */
const NEW_ROOT_ACTIONS = new Set(['rebuild', 'evacuate', 'unshelve']);
const NEW_ROOT_EVENTS = new Set(['compute_rebuild_instance', 'compute_unshelve_instance']);

/**
 * Asks Nova how all its servers are, and records that as if it had been notified of it: what notifications had told
 * stays, what they had not is made good.
 *
 * @returns how many servers there are
 * @throws {ServiceUnavailableError} Nova can't be asked; what was recorded until then stays
 */
export async function reconcile(catalog: Catalog, nova: NovaSource, log: Log): Promise<number> {
  const listed: string[] = [];
  for (let after: string | null = null; ;) {
    // From before the question: a notification that comes meanwhile is newer.
    const askedAt = new Date().toISOString();
    const page = await nova.servers(after, PAGE);
    for (const server of page.servers) await recordServer(catalog, nova, server, askedAt);
    listed.push(...page.servers.map(({ id }) => id), ...page.unclear);
    if (page.unclear.length > 0)
      log.warn({ servers: page.unclear.length }, 'Nova can not say enough of some servers now');
    if (page.last === null) break;
    after = page.last;
  }
  for (const missing of await catalog.read((tx) => tx.compute.missing(listed))) {
    await recordMissing(catalog, nova, missing, log);
  }
  return listed.length;
}

async function recordServer(catalog: Catalog, nova: NovaSource, server: NovaServer, askedAt: string): Promise<void> {
  const rootChange = await newRootOf(catalog, nova, server);
  await catalog.transaction(async (tx) => {
    await recordNews(tx, { observation: observationOf(server, askedAt), rootChange });
    if (server.launchedAt !== null) await tx.compute.rootsChecked(server.id, server.launchedAt);
  });
}

const observationOf = ({ id, projectId, name, host, vmState }: NovaServer, observedAt: string): Observation => ({
  instanceId: id,
  projectId,
  name,
  host,
  vmState,
  observedAt,
  deletedAt: vmState === 'deleted' ? observedAt : null,
});

/**
 * The state alone does not tell that a server was rebuilt; its actions do. They are asked for only when the server was
 * launched anew since the last time, and only of instances that we may have layers of.
 */
async function newRootOf(catalog: Catalog, nova: NovaSource, server: NovaServer): Promise<RootChange | null> {
  const { id, launchedAt } = server;
  const [facts, instance] = await catalog.read((tx) => Promise.all([tx.compute.find(id), tx.instances.find(id)]));
  if (!instance || launchedAt === null || facts?.rootsCheckedFor === launchedAt) return null;
  for (const { action, request_id: requestId } of await nova.actions(id)) {
    if (!NEW_ROOT_ACTIONS.has(action)) continue;
    const events = (await nova.action(id, requestId))?.events ?? [];
    const made = events.find(({ event, result }) => NEW_ROOT_EVENTS.has(event) && result === 'Success');
    if (made?.finish_time) return { instanceId: id, requestId, at: utc(made.finish_time) };
  }
  return null;
}

/** Nova leaves the zone out. */
const utc = (time: string): string => (/(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`);

/** Not in the list is not yet gone: it may have come, or its list may be short. Nova is asked about each. */
async function recordMissing(
  catalog: Catalog,
  nova: NovaSource,
  missing: Pick<Observation, 'instanceId' | 'projectId' | 'name'>,
  log: Log,
): Promise<void> {
  const askedAt = new Date().toISOString();
  const server = await nova.server(missing.instanceId);
  if (server) return recordServer(catalog, nova, server, askedAt);
  log.info({ instance: missing.instanceId }, 'Nova has this server no more; its restore points are kept for a while');
  const gone = { ...missing, host: null, vmState: 'deleted', observedAt: askedAt, deletedAt: askedAt };
  await catalog.transaction((tx) => recordNews(tx, { observation: gone, rootChange: null }));
}
