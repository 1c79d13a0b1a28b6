import { isProjectId, ServiceUnavailableError } from '@varve/core';
import type { InstanceId, ProjectId } from '@varve/core';
import { z } from 'zod';
import { bodyOf } from './session.js';
import type { KeystoneSession } from './session.js';

/** Train's; everything that is asked for is in it, and newer Novas still speak it. */
const MICROVERSION = 'compute 2.79';

/** A server as an administrator sees it. Of one in a cell that is down there is less, and then it is no answer. */
const ServerBody = z.object({
  id: z.string(),
  name: z.string().default(''),
  tenant_id: z.string().refine(isProjectId, 'a project id'),
  status: z.string(),
  /** An empty text: it boots from a volume. */
  image: z.union([z.object({ id: z.string() }), z.literal(''), z.null()]),
  flavor: z.object({ extra_specs: z.record(z.string(), z.string()).default({}) }).default({ extra_specs: {} }),
  locked: z.boolean().default(false),
  'OS-EXT-SRV-ATTR:host': z.string().nullable(),
  'OS-EXT-STS:vm_state': z.string(),
  'OS-EXT-STS:task_state': z.string().nullable(),
  'OS-EXT-STS:power_state': z.number(),
  'OS-SRV-USG:launched_at': z.string().nullable().default(null),
  fault: z.object({ message: z.string() }).optional(),
});

export interface NovaServer {
  readonly id: InstanceId;
  readonly name: string;
  readonly projectId: ProjectId;
  /** What Nova calls the host; `null` where it is on none. */
  readonly host: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
  /** As the hypervisor had it when Nova last looked. */
  readonly isPoweredOff: boolean;
  readonly locked: boolean;
  readonly imageId: string | null;
  /** Its ephemeral disks are encrypted, says its flavor. */
  readonly encrypted: boolean;
  /** When its disk was last made or copied, or a rescue system started. */
  readonly launchedAt: string | null;
  readonly fault: string | null;
}

const ImageOfServer = z.object({
  id: z.string(),
  image: z
    .object({ id: z.string() })
    .catch({ id: '' })
    .transform(({ id }) => ({ id: id === '' ? null : id })),
});

const Actions = z.object({
  instanceActions: z.array(z.object({ action: z.string(), request_id: z.string(), start_time: z.string() })),
});
const Action = z.object({
  instanceAction: z.object({
    request_id: z.string(),
    message: z.string().nullish(),
    events: z
      .array(
        z.object({
          event: z.string(),
          result: z.string().nullable(),
          finish_time: z.string().nullable(),
          details: z.string().nullish(),
        }),
      )
      .default([]),
  }),
});
export type NovaAction = z.output<typeof Action>['instanceAction'];

const ServerList = z.object({ servers: z.array(z.unknown()) });
const ServerIds = z.object({ servers: z.array(z.object({ id: z.string() })) });
const ComputeServices = z.object({
  services: z.array(z.object({ host: z.string(), status: z.string(), state: z.string() })),
});
/** `status`: whether it is given new servers, `enabled` or `disabled`; `state`: `up` or `down`. */
export type ComputeHost = z.output<typeof ComputeServices>['services'][number];
const Refusal = z.record(z.string(), z.object({ message: z.string() }));

/** What a POST came to. `conflict`: not in this state, with Nova's words. */
export type ActionAnswer = { kind: 'accepted' } | { kind: 'conflict'; message: string } | { kind: 'gone' };

/** The part of Nova's API that is of use here, as an administrator. Writes are sent once. */
export class NovaApi {
  constructor(private readonly session: KeystoneSession) {}

  /** @returns `null`: there is none, or none any more */
  async server(id: InstanceId): Promise<NovaServer | null> {
    const answer = await this.get(`/servers/${id}`);
    if (answer.status === 404) return null;
    const { server } = bodyOf('compute', answer, z.object({ server: z.unknown() }));
    const parsed = ServerBody.safeParse(server);
    // Without the administrator's fields: our role is too small, or the server's cell is down.
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new ServiceUnavailableError(
        `Nova does not tell all of server ${id} (${issue?.path.join('.') ?? ''}): is our user an administrator, and its cell up?`,
        { service: 'compute', instanceId: id },
      );
    }
    return toServer(parsed.data);
  }

  /**
   * A page of all projects' servers, oldest first.
   *
   * @param after - the last one of the page before
   * @returns `unclear`: ids of those that Nova itself can't say enough of now
   */
  async servers(
    after: string | null,
    limit: number,
  ): Promise<{ servers: NovaServer[]; unclear: string[]; last: string | null }> {
    const marker = after === null ? '' : `&marker=${after}`;
    const path = `/servers/detail?all_tenants=true&limit=${limit}&sort_key=created_at&sort_dir=asc${marker}`;
    const { servers } = bodyOf('compute', await this.get(path), ServerList);
    const parsed = servers.map((server) => ({ server, result: ServerBody.safeParse(server) }));
    const idOf = (server: unknown): string => z.object({ id: z.string() }).parse(server).id;
    return {
      servers: parsed.flatMap(({ result }) => (result.success ? toServer(result.data) : [])),
      unclear: parsed.flatMap(({ server, result }) => (result.success ? [] : idOf(server))),
      last: servers.length < limit ? null : idOf(servers.at(-1)),
    };
  }

  /** The image that a server was made from, also of one that was deleted; `null`: from none, or Nova has forgotten it. */
  async imageOf(id: InstanceId): Promise<string | null> {
    const server = await this.server(id);
    if (server) return server.imageId;
    const answer = await this.get(`/servers/detail?all_tenants=true&deleted=true&uuid=${id}`);
    const { servers } = bodyOf('compute', answer, z.object({ servers: z.array(ImageOfServer) }));
    return servers.find((one) => one.id === id)?.image.id ?? null;
  }

  /**
   * The hosts that run nova-compute.
   *
   * @throws {ServiceUnavailableError} no answer, or our user may not ask
   */
  async computeHosts(): Promise<ComputeHost[]> {
    const answer = await this.get('/os-services?binary=nova-compute');
    return bodyOf('compute', answer, ComputeServices).services;
  }

  /** Some of the servers that Nova has on this host. */
  async serversOn(host: string, limit: number): Promise<InstanceId[]> {
    const path = `/servers?all_tenants=true&host=${encodeURIComponent(host)}&limit=${limit}`;
    return bodyOf('compute', await this.get(path), ServerIds).servers.map(({ id }) => id as InstanceId);
  }

  /** Newest first; also of a server that was deleted. */
  async actions(id: InstanceId): Promise<z.output<typeof Actions>['instanceActions']> {
    const answer = await this.get(`/servers/${id}/os-instance-actions`);
    if (answer.status === 404) return [];
    return bodyOf('compute', answer, Actions).instanceActions;
  }

  async action(id: InstanceId, requestId: string): Promise<NovaAction | null> {
    const answer = await this.get(`/servers/${id}/os-instance-actions/${encodeURIComponent(requestId)}`);
    return answer.status === 404 ? null : bodyOf('compute', answer, Action).instanceAction;
  }

  /** @param body - e.g. `{ 'os-stop': null }` */
  async act(id: InstanceId, body: Readonly<Record<string, unknown>>): Promise<ActionAnswer> {
    const answer = await this.session.request('compute', `/servers/${id}/action`, {
      method: 'POST',
      json: body,
      microversion: MICROVERSION,
    });
    if (answer.status === 404) return { kind: 'gone' };
    if (answer.status === 409 || answer.status === 400 || answer.status === 403) {
      const said = Refusal.safeParse(answer.body);
      const [problem] = said.success ? Object.values(said.data) : [];
      return { kind: 'conflict', message: problem?.message ?? `Nova answered ${answer.status}` };
    }
    bodyOf('compute', answer, z.unknown());
    return { kind: 'accepted' };
  }

  private get(path: string): ReturnType<KeystoneSession['request']> {
    return this.session.request('compute', path, { microversion: MICROVERSION });
  }
}

const SHUTDOWN = 4;
const CRASHED = 6;
const NONE = 0;

function toServer(body: z.output<typeof ServerBody>): NovaServer {
  const powerState = body['OS-EXT-STS:power_state'];
  return {
    id: body.id as InstanceId,
    name: body.name,
    projectId: body.tenant_id,
    host: body['OS-EXT-SRV-ATTR:host'],
    vmState: body['OS-EXT-STS:vm_state'],
    taskState: body['OS-EXT-STS:task_state'],
    isPoweredOff: [SHUTDOWN, CRASHED, NONE].includes(powerState),
    locked: body.locked,
    imageId: typeof body.image === 'object' ? (body.image?.id ?? null) : null,
    encrypted: body.flavor.extra_specs['hw:ephemeral_encryption']?.toLowerCase() === 'true',
    launchedAt: body['OS-SRV-USG:launched_at'],
    fault: body.fault?.message ?? null,
  };
}
