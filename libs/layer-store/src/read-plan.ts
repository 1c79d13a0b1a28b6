import type { LayerManifest } from '@varve/core';
import type { FileRun } from '@varve/ports';
import { FRAME_BYTES, ZEROS_SHA256 } from './frames.js';

/** Frames that lie one behind the other in the object and are fetched in one request. */
export interface Fetch {
  readonly firstFrame: number;
  frames: number;
  readonly offset: number;
  length: number;
}

/** 8 MiB at most: enough for a request to keep a fast line busy, and several of them are still little memory. */
const FRAMES_IN_A_FETCH = 8;

/** The frames that the runs lie in, in order and each once. */
export function* framesOf(runs: readonly FileRun[]): Generator<number, void, undefined> {
  let next = 0;
  for (const { fileOffset, length } of runs) {
    if (length === 0) continue;
    const last = Math.floor((fileOffset + length - 1) / FRAME_BYTES);
    for (next = Math.max(next, Math.floor(fileOffset / FRAME_BYTES)); next <= last; next++) yield next;
  }
}

/** What has to be fetched for the runs; frames of zeros need not be. */
export function planFetches(manifest: LayerManifest, runs: readonly FileRun[]): Fetch[] {
  const fetches: Fetch[] = [];
  for (const index of framesOf(runs)) {
    const frame = manifest.frames[index];
    if (!frame) throw new Error(`Layer ${manifest.uid} has no frame ${index}`);
    if (frame.sha256 === ZEROS_SHA256) continue;
    const last = fetches.at(-1);
    if (last && last.frames < FRAMES_IN_A_FETCH && last.firstFrame + last.frames === index) {
      last.frames++;
      last.length += frame.length;
    } else {
      fetches.push({ firstFrame: index, frames: 1, offset: frame.offset, length: frame.length });
    }
  }
  return fetches;
}
