import { NoImageServiceError } from '@varve/core';
import type { FoundImage, ImageService } from '@varve/ports';

/** For hosts beside which nothing keeps images. */
export class NoImages implements ImageService {
  find(): Promise<FoundImage | null> {
    return Promise.reject(new NoImageServiceError());
  }
  create(): Promise<'made' | 'taken'> {
    return Promise.reject(new NoImageServiceError());
  }
  upload(): Promise<void> {
    return Promise.reject(new NoImageServiceError());
  }
  /** There are none. */
  delete(): Promise<void> {
    return Promise.resolve();
  }
}
