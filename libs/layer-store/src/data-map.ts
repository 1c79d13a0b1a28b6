import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { ServiceError } from '@varve/core';
import { z } from 'zod';
import { FRAME_BYTES } from './frames.js';

const MapEntry = z.object({ start: z.int().min(0), length: z.int().min(0), data: z.boolean() });

/** The tool that finds the holes failed; nothing was changed. */
export class DataMapError extends ServiceError {
  readonly code = 'data_map_failed';
  readonly remedy = 'call-operator';
}

/**
 * Which frames of a file hold data: one byte each, 0 or 1. The rest lies in holes and need not be read.
 *
 * Asked of `qemu-img`, because Node has no SEEK_DATA; the file is not looked into (`raw`), and not locked, since a
 * running QEMU has it open as a backing file. Read line by line: a fragmented file has millions of entries.
 *
 * @throws {DataMapError}
 */
export async function dataFrames(path: string, fileBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const frames = new Uint8Array(Math.ceil(fileBytes / FRAME_BYTES));
  // `file:` keeps a colon in the path from being taken for a protocol.
  const args = ['map', '--force-share', '-f', 'raw', '--output=json', `file:${path}`];
  const child = spawn('qemu-img', args, { stdio: ['ignore', 'pipe', 'pipe'], signal });
  const ended = Promise.all([once(child, 'close') as Promise<[number | null]>, text(child.stderr)]);
  // Told below, after the output has been read.
  ended.catch(() => undefined);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      // One entry in each line, in brackets and followed by a comma that belong to the list.
      const entry = line
        .replace(/^\[/, '')
        .replace(/[,\]]+$/, '')
        .trim();
      if (entry === '') continue;
      const { start, length, data } = MapEntry.parse(JSON.parse(entry));
      const end = Math.min(start + length, fileBytes);
      if (data && end > start) frames.fill(1, Math.floor(start / FRAME_BYTES), Math.ceil(end / FRAME_BYTES));
    }
    const [[code], complaint] = await ended;
    if (code !== 0) throw new Error(complaint.trim());
  } catch (cause) {
    signal.throwIfAborted();
    throw new DataMapError('qemu-img could not tell where the layer file has data', {}, { cause });
  }
  return frames;
}
