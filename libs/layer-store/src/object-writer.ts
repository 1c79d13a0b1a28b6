import { ObjectCorruptError } from '@varve/core';
import type { ObjectStore, PartReceipt, PartUpload } from '@varve/ports';
import { abortable, anyOf } from './abortable.js';
import type { PartPlan } from './part-plan.js';

interface FillingPart {
  readonly number: number;
  readonly offset: number;
  readonly buffer: Buffer;
  length: number;
}

/**
 * Writes one object from front to back in parts, several under way at once, in a fixed number of buffers. Parts that
 * the store already has from an earlier life are not sent again, provided that they are the same.
 *
 * An object of one part goes in one request.
 */
export class ObjectWriter {
  private upload: Promise<PartUpload> | null = null;
  private filling: FillingPart | null = null;
  private readonly receipts: PartReceipt[] = [];
  private readonly sending = new Set<Promise<void>>();
  private readonly freeBuffers: Buffer[] = [];
  private buffers = 0;
  private written = 0;
  private sentParts = 0;
  /** Ends everything at the first failure of a part, which is its reason. */
  private readonly failure = new AbortController();
  private readonly signal: AbortSignal;

  /** @param onStored - how many further bytes of the object the store has; not in their order */
  constructor(
    private readonly store: ObjectStore,
    private readonly key: string,
    private readonly plan: PartPlan,
    signal: AbortSignal | undefined,
    private readonly onStored: (bytes: number) => void,
  ) {
    this.signal = anyOf(signal, this.failure.signal);
  }

  get offset(): number {
    return this.written;
  }

  /** Finds what an earlier life left of an object that has several parts. */
  private begin(): Promise<PartUpload> {
    return (this.upload ??= this.store.openUpload(this.key));
  }

  /** Returns when the bytes are in a buffer of ours: waits for the store when all are full. */
  async append(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const part = (this.filling ??= await this.nextPart());
      const copied = bytes.copy(part.buffer, part.length, done);
      part.length += copied;
      this.written += copied;
      done += copied;
      if (part.length >= this.plan.partBytes) this.send();
    }
  }

  /**
   * Returns when the object is there and has the right size.
   *
   * @throws {ObjectCorruptError} the store says that it has another size
   */
  async finish(): Promise<void> {
    if (this.sentParts === 0) {
      const only = this.filling?.buffer.subarray(0, this.filling.length) ?? Buffer.alloc(0);
      await abortable(this.store.put(this.key, only), this.signal);
      this.onStored(only.length);
    } else {
      this.send();
      await abortable(Promise.all(this.sending), this.signal);
      const upload = await abortable(this.begin(), this.signal);
      await abortable(upload.complete(this.receipts), this.signal);
    }
    const found = await abortable(this.store.stat(this.key), this.signal);
    if (found?.sizeBytes !== this.written) {
      throw new ObjectCorruptError(this.key, `${found?.sizeBytes ?? 'no'} bytes of ${this.written} are there`);
    }
  }

  private async nextPart(): Promise<FillingPart> {
    while (this.freeBuffers.length === 0 && this.buffers >= this.plan.buffers) {
      await abortable(Promise.race(this.sending), this.signal);
    }
    this.signal.throwIfAborted();
    let buffer = this.freeBuffers.pop();
    if (!buffer) {
      buffer = Buffer.allocUnsafeSlow(this.plan.capacityBytes);
      this.buffers++;
    }
    const number = this.receipts.length + 1;
    this.receipts.push({ number, sizeBytes: 0, etag: '' });
    return { number, offset: this.written, buffer, length: 0 };
  }

  private send(): void {
    const part = this.filling;
    this.filling = null;
    if (!part) return;
    this.sentParts++;
    const sent = this.sendPart(part).catch((error: unknown) => this.failure.abort(error));
    this.sending.add(sent);
    void sent.finally(() => this.sending.delete(sent)); // never fails: see above
  }

  private async sendPart({ number, offset, buffer, length }: FillingPart): Promise<void> {
    const bytes = buffer.subarray(0, length);
    const upload = await this.begin();
    this.receipts[number - 1] = (await upload.kept(number, offset, bytes)) ?? (await upload.put(number, offset, bytes));
    this.freeBuffers.push(buffer);
    this.onStored(length);
  }
}
