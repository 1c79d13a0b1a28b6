import type { ImageService } from '@varve/ports';
import { z } from 'zod';
import { KeystoneConfig, KeystoneSession } from '../openstack/index.js';
import { GlanceImages } from './glance/glance-images.js';
import { NoImages } from './none/no-images.js';

export const GlanceConfig = z.object({ kind: z.literal('glance'), keystone: KeystoneConfig });
export const NoImagesConfig = z.object({ kind: z.literal('none') });
export const ImageServiceConfig = z.discriminatedUnion('kind', [GlanceConfig, NoImagesConfig]);
export type ImageServiceConfig = z.infer<typeof ImageServiceConfig>;

/** The configured image service; touches nothing yet. */
export function createImageService(config: ImageServiceConfig): ImageService {
  switch (config.kind) {
    case 'glance':
      return new GlanceImages(new KeystoneSession(config.keystone));
    case 'none':
      return new NoImages();
    default:
      throw new Error(`No such image service: ${String(config satisfies never)}`);
  }
}
