// What a process of its own is asked to upload, and what it answers.
import type { ObjectStoreConfig } from '../../../libs/adapters/src/object-store/config.ts';

export interface UploadJob {
  /** `ours`: as a layer, as the worker does it. `bare`: the bytes as they are, by the plainest means that are fast. */
  readonly how: 'ours' | 'bare';
  readonly store: ObjectStoreConfig;
  /** A small one that goes first, unmeasured, so that the code is warm. */
  readonly warmUp: string;
  readonly file: string;
}

export interface UploadAnswer {
  readonly seconds: number;
  readonly peakRssMiB: number;
}
