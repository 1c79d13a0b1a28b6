import { webcrypto } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { ChainDivergedError, inOrder } from '@varve/core';
import { dataFrames } from './data-map.js';
import { FrameCompressor } from './frame-compressor.js';
import { FRAME_BYTES, ZEROS, ZEROS_SHA256 } from './frames.js';
import { looksRandom, rawFrame } from './raw-frame.js';

/** Read and compressed at once. Two cores are busy with four; more only take memory. */
const FRAMES_AT_ONCE = 4;

/** A frame of the plain file, and what is stored of it. */
export interface FileFrame {
  /** Good until the next frame is asked for. */
  readonly plain: Buffer;
  readonly sha256: string;
  /** In pieces; good for as long. */
  readonly stored: readonly Buffer[];
}

/** A sealed layer's plain file, read once from front to back without its holes. */
export class LayerFile {
  private constructor(
    private readonly file: FileHandle,
    readonly fileBytes: number,
    /** Frame by frame, 1 where the file has data. */
    private readonly data: Uint8Array,
    private readonly mark: string,
  ) {}

  static async open(path: string, signal: AbortSignal): Promise<LayerFile> {
    const file = await open(path, 'r');
    try {
      const mark = await markOf(file);
      const { size } = await file.stat();
      return new LayerFile(file, size, await dataFrames(path, size, signal), mark);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Frames that hold data; the others lie in holes altogether. */
  get dataFrames(): number {
    return this.data.reduce((sum, has) => sum + has, 0);
  }

  get frames(): number {
    return this.data.length;
  }

  async *compressed(level: number): AsyncGenerator<FileFrame, void, undefined> {
    const compressor = new FrameCompressor(level);
    const zeroFrame = await compressor.compress(ZEROS);
    const buffers: Buffer<ArrayBuffer>[] = [];

    const frame = async (index: number): Promise<FileFrame & { release: () => void }> => {
      const length = Math.min(FRAME_BYTES, this.fileBytes - index * FRAME_BYTES);
      const whole = length === FRAME_BYTES;
      const zeros = { plain: ZEROS, sha256: ZEROS_SHA256, stored: zeroFrame, release: () => undefined };
      if (whole && this.data[index] === 0) return zeros;

      const buffer = buffers.pop() ?? Buffer.allocUnsafeSlow(FRAME_BYTES);
      const release = (): void => void buffers.push(buffer);
      const plain = buffer.subarray(0, length);
      await this.read(plain, index * FRAME_BYTES);
      if (whole && plain.equals(ZEROS)) {
        release();
        return zeros;
      }
      const [sha256, stored] = await Promise.all([
        sha256Of(plain),
        looksRandom(plain) ? rawFrame(plain) : compressor.compress(plain),
      ]);
      return { plain, sha256, stored, release };
    };

    try {
      for await (const { release, ...given } of inOrder(this.data.keys(), FRAMES_AT_ONCE, frame)) {
        yield given;
        release();
      }
    } finally {
      compressor.close();
    }
  }

  /** @throws {ChainDivergedError} somebody wrote to the file since it was opened */
  async assertUnchanged(): Promise<void> {
    const now = await markOf(this.file);
    if (now !== this.mark) throw new ChainDivergedError(`a sealed layer file of ${this.mark}`, now);
  }

  close(): Promise<void> {
    return this.file.close();
  }

  private async read(into: Buffer, position: number): Promise<void> {
    for (let done = 0; done < into.length;) {
      const { bytesRead } = await this.file.read(into, done, into.length - done, position + done);
      if (bytesRead === 0) throw new ChainDivergedError(`a sealed layer file of ${this.mark}`, 'a shorter one');
      done += bytesRead;
    }
  }
}

/** In the thread pool, as the compression is: the main thread has the whole file's digest to do. */
async function sha256Of(bytes: Buffer<ArrayBuffer>): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

/** Not the change time: a link to the file, as a snapshot makes one, changes that too. */
async function markOf(file: FileHandle): Promise<string> {
  const { size, mtimeNs } = await file.stat({ bigint: true });
  return `${size} bytes, last written at ${mtimeNs} ns`;
}
