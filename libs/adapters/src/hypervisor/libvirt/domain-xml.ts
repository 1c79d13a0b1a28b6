import { isProjectId } from '@varve/core';
import type { ProjectId } from '@varve/core';
import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';

/** One image of a disk, as libvirt believes it is. */
export interface DomainImage {
  /** The name that libvirt gave to QEMU; `null` for what isn't a file. */
  readonly path: string | null;
  /** How block jobs call it, as `vda[3]`; `null` while the domain is off. */
  readonly index: number | null;
  readonly format: string;
}

export interface DomainDisk {
  /** `vda` */
  readonly target: string;
  /** Active layer first. Only a domain that runs has all of them. */
  readonly images: readonly DomainImage[];
  /** A job that copies it, or commits its active layer. */
  readonly mirror: string | null;
}

export interface Domain {
  readonly name: string;
  /** Whether there is a QEMU process. */
  readonly active: boolean;
  readonly owner: { readonly projectId: ProjectId; readonly name: string; readonly by: 'nova' | 'varve' } | null;
  readonly disks: readonly DomainDisk[];
  /** Whether a guest agent has its channel open; `null`: there is no channel. */
  readonly agent: 'connected' | 'disconnected' | null;
}

const Text = z.string();
const Source = z.union([
  z.literal(''),
  z.object({ '@file': Text.optional(), '@index': z.coerce.number().optional() }).loose(),
]);

interface BackingStore {
  readonly source?: z.infer<typeof Source> | undefined;
  readonly format?: { '@type': string } | undefined;
  readonly '@index'?: number | undefined;
  readonly backingStore?: '' | BackingStore | undefined;
}
const BackingStore: z.ZodType<'' | BackingStore> = z.lazy(() =>
  z.union([
    z.literal(''),
    z.object({
      source: Source.optional(),
      format: z.object({ '@type': Text }).optional(),
      '@index': z.coerce.number().optional(),
      backingStore: BackingStore.optional(),
    }),
  ]),
);

const Disk = z.object({
  '@device': Text.default('disk'),
  driver: z.object({ '@type': Text.default('raw') }).optional(),
  source: Source.optional(),
  backingStore: BackingStore.optional(),
  mirror: z.object({ '@job': Text.default('copy') }).optional(),
  target: z.object({ '@dev': Text }),
});

const Channel = z.object({
  target: z.object({ '@name': Text.optional(), '@state': Text.optional() }).optional(),
});

/** Elements by their names without prefix; what we don't know is not looked at. */
const DomainXml = z.object({
  domain: z.object({
    '@id': Text.optional(),
    name: Text,
    metadata: z
      .object({
        instance: z
          .array(
            z.object({
              '@project': Text.optional(),
              name: Text.optional(),
              owner: z.object({ project: z.union([Text, z.object({ '@uuid': Text })]) }).optional(),
            }),
          )
          .catch([])
          .optional(),
      })
      .or(z.literal(''))
      .optional(),
    devices: z.union([
      z.literal('').transform(() => ({ disk: [], channel: [] })),
      z.object({ disk: z.array(Disk).default([]), channel: z.array(Channel).default([]) }),
    ]),
  }),
});

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  parseTagValue: false,
  parseAttributeValue: false,
  isArray: (name, path) => name === 'disk' || name === 'channel' || String(path) === 'domain.metadata.instance',
});

/**
 * What `virsh dumpxml` says, as far as a system disk needs it.
 *
 * @throws {Error} it isn't a domain's description
 */
export function parseDomain(xml: string): Domain {
  const { domain } = DomainXml.parse(parser.parse(xml));
  const agent = domain.devices.channel.find(({ target }) => target?.['@name'] === 'org.qemu.guest_agent.0');
  return {
    name: domain.name,
    active: domain['@id'] !== undefined,
    owner: ownerOf(domain),
    disks: domain.devices.disk.filter((disk) => disk['@device'] === 'disk').map(diskOf),
    agent: agent ? (agent.target?.['@state'] === 'connected' ? 'connected' : 'disconnected') : null,
  };
}

/** Nova says whose an instance is; where there is no Nova, metadata of our own does. */
function ownerOf({ metadata, name: domainName }: z.infer<typeof DomainXml>['domain']): Domain['owner'] {
  const instances = typeof metadata === 'object' ? (metadata.instance ?? []) : [];
  for (const { '@project': ours, owner, name } of instances) {
    const project = owner?.project;
    const novas = typeof project === 'object' ? project['@uuid'] : undefined;
    const projectId = novas ?? ours;
    if (projectId === undefined || !isProjectId(projectId)) continue;
    return { projectId, name: name ?? domainName, by: novas === undefined ? 'varve' : 'nova' };
  }
  return null;
}

function diskOf(disk: z.infer<typeof Disk>): DomainDisk {
  const images: DomainImage[] = [];
  const add = (source: z.infer<typeof Source> | undefined, index: number | undefined, format: string): void => {
    const known = typeof source === 'object' ? source : {};
    images.push({ path: known['@file'] ?? null, index: index ?? known['@index'] ?? null, format });
  };
  add(disk.source, undefined, disk.driver?.['@type'] ?? 'raw');
  for (let below = disk.backingStore; typeof below === 'object'; below = below.backingStore) {
    // The end of the chain is an empty element, with or without its index.
    if (!below.source) break;
    add(below.source, below['@index'], below.format?.['@type'] ?? 'raw');
  }
  return { target: disk.target['@dev'], images, mirror: disk.mirror?.['@job'] ?? null };
}
