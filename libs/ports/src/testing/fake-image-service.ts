import { createHash } from 'node:crypto';
import { ImageRefusedError, ServiceUnavailableError } from '@varve/core';
import type { ImageId } from '@varve/core';
import type { FoundImage, ImageService, NewImage } from '../image-service.port.js';

interface KeptImage {
  readonly image: NewImage;
  status: FoundImage['status'];
  content: Buffer | null;
}

/** Keeps images in memory. Can be away, damage what it is sent, and break off as the real one does. */
export class FakeImageService implements ImageService {
  isDown = false;
  /** What it makes of what it is sent. */
  damage: (content: Buffer) => Buffer = (content) => content;
  algorithm = 'sha512';
  /** What an image is whose content came only in part: at first, or until somebody sees to it. */
  afterBreak: 'queued' | 'saving' = 'saving';
  /** As the host's watcher: called before, amid and after each effect; may throw. */
  watcher: ((point: string) => void) | null = null;
  readonly images = new Map<ImageId, KeptImage>();
  private readonly used = new Set<ImageId>();

  async find(id: ImageId): Promise<FoundImage | null> {
    this.look();
    const kept = this.images.get(id);
    if (!kept) return null;
    const { image, status, content } = kept;
    return {
      status,
      sizeBytes: content?.length ?? null,
      digest: content && {
        algorithm: this.algorithm,
        hex: createHash(this.algorithm).update(content).digest('hex'),
      },
      minDisk: image.minDisk,
      minRam: image.minRam,
      properties: image.properties,
    };
  }

  async create(image: NewImage): Promise<'made' | 'taken'> {
    this.look();
    this.watcher?.('before create image');
    if (this.used.has(image.id)) return 'taken';
    this.used.add(image.id);
    this.images.set(image.id, { image, status: 'queued', content: null });
    this.watcher?.('after create image');
    return 'made';
  }

  async upload(
    id: ImageId,
    content: AsyncIterable<Buffer>,
    { sizeBytes, signal }: { sizeBytes: number; signal?: AbortSignal },
  ): Promise<void> {
    this.look();
    const kept = this.images.get(id);
    if (kept?.status !== 'queued') throw new ImageRefusedError(`Image ${id} is ${kept?.status ?? 'gone'}`);
    kept.status = 'saving';
    const pieces: Buffer[] = [];
    let length = 0;
    try {
      for await (const piece of content) {
        signal?.throwIfAborted();
        pieces.push(Buffer.from(piece));
        const half = length < sizeBytes / 2 && length + piece.length >= sizeBytes / 2;
        length += piece.length;
        if (half) this.watcher?.('amid upload image');
        this.look();
      }
    } catch (error) {
      if (kept.status === 'saving') kept.status = this.afterBreak;
      throw error;
    }
    if (length !== sizeBytes) throw new ServiceUnavailableError('The other side hung up');
    if (!this.images.has(id)) throw new ImageRefusedError(`Image ${id} is gone`);
    Object.assign(kept, { status: 'active', content: this.damage(Buffer.concat(pieces)) });
    this.watcher?.('after upload image');
  }

  async delete(id: ImageId): Promise<void> {
    this.look();
    if (!this.images.has(id)) return;
    this.watcher?.('before delete image');
    this.images.delete(id);
    this.watcher?.('after delete image');
  }

  private look(): void {
    this.watcher?.('look');
    if (this.isDown) throw new ServiceUnavailableError('The image service is away', { service: 'image' });
  }
}
