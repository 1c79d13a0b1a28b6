import type { ImageId, ProjectId } from '@varve/core';

export const IMAGE_SERVICE = Symbol('ImageService');

/** An image without its content. */
export interface NewImage {
  readonly id: ImageId;
  /** Whose it is, whoever makes it. */
  readonly projectId: ProjectId;
  readonly name: string;
  readonly visibility: 'private' | 'shared';
  readonly diskFormat: 'qcow2' | 'raw';
  /** GiB. */
  readonly minDisk: number;
  /** MiB. */
  readonly minRam: number;
  readonly properties: Readonly<Record<string, string>>;
}

export interface FoundImage {
  /** `saving`: somebody is sending its content, or has broken off; `other`: nothing can become of it. */
  readonly status: 'queued' | 'saving' | 'active' | 'other';
  readonly sizeBytes: number | null;
  /** Of its content, by the service's own reckoning; `algorithm` as OpenSSL calls it. */
  readonly digest: { readonly algorithm: string; readonly hex: string } | null;
  readonly minDisk: number;
  readonly minRam: number;
  /** Those that the service itself attaches no meaning to. */
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * Where a cloud keeps what instances are booted from.
 *
 * Every method may throw {ServiceUnavailableError} (what was asked for may have been done) and {ImageRefusedError}.
 */
export interface ImageService {
  /** `null`: there is none, or none any more. */
  find(id: ImageId): Promise<FoundImage | null>;

  /** @returns `taken`: there is an image of that id, or there was one: an id is never used again */
  create(image: NewImage): Promise<'made' | 'taken'>;

  /**
   * Sends the content of an image that is `queued`, and returns when it is `active`. Whether what arrived is what was
   * sent, is for the caller to compare.
   *
   * @throws when it broke off: the image is `queued` or `saving` then, and may become `queued` by itself
   */
  upload(
    id: ImageId,
    content: AsyncIterable<Buffer>,
    options: { sizeBytes: number; signal?: AbortSignal },
  ): Promise<void>;

  /** Whatever its state; nothing to do when it is gone. */
  delete(id: ImageId): Promise<void>;
}
