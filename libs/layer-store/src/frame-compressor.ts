import { constants, createZstdCompress } from 'node:zlib';
import type { ZstdCompress } from 'node:zlib';
import { FRAME_BYTES, FRAME_BYTES_AT_MOST } from './frames.js';
import { freeYoungGarbage } from './young-garbage.js';

/** What zlib hands out in fresh buffers before those that are done with are let go. */
const GARBAGE_BYTES = 8 * 2 ** 20;

interface Lane {
  readonly stream: ZstdCompress;
  /** Of the frame that it is at. */
  readonly pieces: Buffer[];
}

/**
 * Compresses frames, each on its own and always alike: the same bytes and level give the same frame, whatever was
 * compressed before. What was sent of an upload is found again by that.
 *
 * Made of streams that are used over and over. Node's one-shot `zstdCompress` makes and frees a compressor for each
 * frame and hands it the input without saying that it is all: half as much CPU again, and no size in the frame.
 */
export class FrameCompressor {
  private readonly idle: Lane[] = [];
  private handedOutBytes = 0;
  private readonly all: Lane[] = [];

  constructor(private readonly level: number) {}

  /**
   * Several at once run on as many threads of the pool.
   *
   * @returns the frame, in pieces
   */
  async compress(plain: Buffer): Promise<Buffer[]> {
    const lane = this.idle.pop() ?? this.make();
    await new Promise<void>((resolve, reject) => {
      lane.stream.write(plain, (error) => (error ? reject(error) : resolve()));
    });
    // All of it was pushed before that, but what was pushed need not have been handed out yet.
    lane.stream.read();
    this.idle.push(lane);
    const frame = lane.pieces.splice(0);
    this.handedOutBytes += frame.reduce((sum, piece) => sum + piece.length, 0);
    if (this.handedOutBytes > GARBAGE_BYTES) {
      this.handedOutBytes = 0;
      freeYoungGarbage();
    }
    return frame;
  }

  close(): void {
    for (const { stream } of this.all) stream.destroy();
  }

  private make(): Lane {
    const stream = createZstdCompress({
      // Each write is the whole of a frame, and nothing follows the last.
      flush: constants.ZSTD_e_end,
      finishFlush: constants.ZSTD_e_continue,
      // Less than a frame's worst case: with room for that, zstd takes a short cut that gives other bytes, and whether
      // there is room would depend on the frame before.
      chunkSize: 256 * 1024,
      readableHighWaterMark: 2 * FRAME_BYTES_AT_MOST,
      params: {
        [constants.ZSTD_c_compressionLevel]: this.level,
        // All of a frame, which level 1 would not look back on.
        [constants.ZSTD_c_windowLog]: Math.log2(FRAME_BYTES),
      },
    } as Parameters<typeof createZstdCompress>[0]);
    const lane: Lane = { stream, pieces: [] };
    stream.on('data', (piece: Buffer) => lane.pieces.push(piece));
    // Its writer hears of it.
    stream.on('error', () => undefined);
    this.all.push(lane);
    return lane;
  }
}
