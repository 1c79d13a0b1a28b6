// Servers and images of the cloud, in the words of Nova's API.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError, type Session } from './session.ts';

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly projectId: string;
  readonly vmState: string;
  readonly taskState: string | null;
  /** 1 runs, 3 paused, 4 shut down; 0 unknown. */
  readonly powerState: number;
  /** Only an administrator is told. */
  readonly host: string | undefined;
  readonly locked: boolean;
  readonly fault: string | undefined;
}

export interface ServerOptions {
  readonly name: string;
  readonly flavor: string;
  readonly imageId: string;
}

/** Gives the id; the server is being built. */
export async function createServer(session: Session, { name, flavor, imageId }: ServerOptions): Promise<string> {
  const server = { name, flavorRef: flavor, imageRef: imageId, networks: 'none' };
  const made = await session.request('compute', 'POST', '/servers', { body: { server } });
  return (made['server'] as { id: string }).id;
}

/** @returns `null` when there is no such server, or none that this user may see */
export async function findServer(session: Session, id: string): Promise<Server | null> {
  const { status, body } = await session.ask('compute', 'GET', `/servers/${id}`);
  if (status === 404) return null;
  if (status >= 400) throw new ApiError(`server ${id}`, status, body);
  const server = body['server'] as Record<string, unknown>;
  const fault = server['fault'] as { message: string } | undefined;
  return {
    id,
    name: server['name'] as string,
    status: server['status'] as string,
    projectId: server['tenant_id'] as string,
    vmState: server['OS-EXT-STS:vm_state'] as string,
    taskState: server['OS-EXT-STS:task_state'] as string | null,
    powerState: server['OS-EXT-STS:power_state'] as number,
    host: server['OS-EXT-SRV-ATTR:host'] as string | undefined,
    locked: server['locked'] as boolean,
    fault: fault?.message,
  };
}

/** An action as in Nova's API reference, `{ 'os-stop': null }`; returns when it is accepted. */
export async function act(
  session: Session,
  id: string,
  action: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  return session.request('compute', 'POST', `/servers/${id}/action`, { body: action });
}

/**
 * Until it has that status and nothing is being done with it.
 *
 * @throws {Error} it went to ERROR instead, is gone, or took longer than `deadlineMs`
 */
export async function waitForStatus(
  session: Session,
  id: string,
  wanted: string,
  { deadlineMs = 300_000 } = {},
): Promise<Server> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const server = await findServer(session, id);
    if (server?.status === wanted && server.taskState === null) return server;
    const seen = server ? `${server.status}, task ${server.taskState}, ${server.fault ?? 'no fault'}` : 'gone';
    const settled = server === null || (server.status === 'ERROR' && wanted !== 'ERROR');
    if (settled || performance.now() > end) throw new Error(`server ${id} is ${seen}, not ${wanted}`);
    await sleep(400);
  }
}

/** Returns when Nova doesn't know it any more. Nothing to do when it doesn't now. */
export async function deleteServer(session: Session, id: string, { deadlineMs = 300_000 } = {}): Promise<void> {
  const { status, body } = await session.ask('compute', 'DELETE', `/servers/${id}`);
  if (status === 404) return;
  if (status >= 400) throw new ApiError(`delete of server ${id}`, status, body);
  const end = performance.now() + deadlineMs;
  while ((await findServer(session, id)) !== null) {
    if (performance.now() > end) throw new Error(`server ${id} does not go away`);
    await sleep(400);
  }
}

export interface Image {
  readonly id: string;
  readonly status: string;
  readonly size: number | null;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Nova's own snapshot of a server; gives the image's id, the image is still being made. */
export async function createImage(session: Session, serverId: string, name: string): Promise<string> {
  return (await act(session, serverId, { createImage: { name } }))['image_id'] as string;
}

/** @returns `null` when there is no such image: Nova deletes one that it could not make */
export async function findImage(session: Session, id: string): Promise<Image | null> {
  const { status, body } = await session.ask('image', 'GET', `/v2/images/${id}`);
  if (status === 404) return null;
  if (status >= 400) throw new ApiError(`image ${id}`, status, body);
  return { id, status: body['status'] as string, size: body['size'] as number | null, properties: body };
}

/** Until it is active or is gone, which is `null`. */
export async function settledImage(session: Session, id: string, { deadlineMs = 300_000 } = {}): Promise<Image | null> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const image = await findImage(session, id);
    if (image === null || image.status === 'active') return image;
    if (performance.now() > end) throw new Error(`image ${id} is still ${image.status}`);
    await sleep(400);
  }
}

/** Into a temporary file, whose path it gives. */
export async function downloadImage(session: Session, id: string): Promise<string> {
  const file = join(await mkdtemp('/var/tmp/varve-image-'), 'image');
  await writeFile(file, await session.download('image', `/v2/images/${id}/file`));
  return file;
}

export async function deleteImage(session: Session, id: string): Promise<void> {
  const { status, body } = await session.ask('image', 'DELETE', `/v2/images/${id}`);
  if (status >= 400 && status !== 404) throw new ApiError(`delete of image ${id}`, status, body);
}
