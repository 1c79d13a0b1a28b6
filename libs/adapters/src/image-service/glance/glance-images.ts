import { ImageRefusedError } from '@varve/core';
import type { ImageId } from '@varve/core';
import type { FoundImage, ImageService, NewImage } from '@varve/ports';
import { z } from 'zod';
import { bodyOf } from '../../openstack/index.js';
import type { HttpAnswer, KeystoneSession } from '../../openstack/index.js';

const ImageBody = z.looseObject({
  status: z.string(),
  size: z.number().nullable(),
  min_disk: z.number(),
  min_ram: z.number(),
  os_hash_algo: z.string().nullish(),
  os_hash_value: z.string().nullish(),
});

/** What Glance says of every image; all else are properties that somebody gave it. */
const OWN = new Set(
  (
    'id name status visibility protected owner checksum size virtual_size min_disk min_ram container_format disk_format ' +
    'created_at updated_at tags self file schema locations direct_url stores os_hidden os_hash_algo os_hash_value'
  ).split(' '),
);

/** What lies behind Glance may take its time over the last bytes. */
const IDLE_MS = 600_000;

/** Glance, API version 2, as a user that may make images for others: by default an administrator. */
export class GlanceImages implements ImageService {
  constructor(private readonly session: KeystoneSession) {}

  async find(id: ImageId): Promise<FoundImage | null> {
    const answer = await this.session.request('image', pathOf(id));
    if (answer.status === 404) return null;
    const { status, size, min_disk, min_ram, os_hash_algo, os_hash_value, ...rest } = bodyOf(
      'image',
      answer,
      ImageBody,
    );
    const properties = Object.entries(rest).filter(([name, value]) => !OWN.has(name) && typeof value === 'string');
    return {
      status: status === 'queued' || status === 'saving' || status === 'active' ? status : 'other',
      sizeBytes: size,
      // Python's name of it: sha3_512.
      digest: os_hash_algo && os_hash_value ? { algorithm: os_hash_algo.replace('_', '-'), hex: os_hash_value } : null,
      minDisk: min_disk,
      minRam: min_ram,
      properties: Object.fromEntries(properties) as Record<string, string>,
    };
  }

  async create(image: NewImage): Promise<'made' | 'taken'> {
    const answer = await this.session.request('image', '/v2/images', {
      method: 'POST',
      json: {
        ...image.properties,
        id: image.id,
        owner: image.projectId,
        name: image.name,
        visibility: image.visibility,
        disk_format: image.diskFormat,
        container_format: 'bare',
        min_disk: image.minDisk,
        min_ram: image.minRam,
      },
    });
    if (answer.status === 409) return 'taken';
    accepted(answer, 'the image');
    return 'made';
  }

  async upload(
    id: ImageId,
    content: AsyncIterable<Buffer>,
    { sizeBytes, signal }: { sizeBytes: number; signal?: AbortSignal },
  ): Promise<void> {
    // Glance answers when the image is active.
    const options = { content, sizeBytes, idleMs: IDLE_MS, signal };
    accepted(await this.session.upload('image', `${pathOf(id)}/file`, options), "the image's content");
  }

  async delete(id: ImageId): Promise<void> {
    const answer = await this.session.request('image', pathOf(id), { method: 'DELETE' });
    if (answer.status !== 404) accepted(answer, "the image's deletion");
  }
}

const pathOf = (id: ImageId): string => `/v2/images/${encodeURIComponent(id)}`;

/** @throws {ImageRefusedError} with Glance's words */
function accepted(answer: HttpAnswer, what: string): void {
  const { status, text } = answer;
  if (status < 400 || status >= 500) return void bodyOf('image', answer, z.unknown());
  const said = text
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300);
  throw new ImageRefusedError(`Glance refused ${what} (${status}): ${said}`, { status: String(status) });
}
