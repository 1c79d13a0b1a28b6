export const OBJECT_STORE = Symbol('ObjectStore');

export interface PartReceipt {
  /** From 1, without gaps. */
  readonly number: number;
  readonly sizeBytes: number;
  /** How the store tells that part from another; opaque to callers. */
  readonly etag: string;
}

/**
 * An object under way; nothing of it shows until `complete`. Found again after a crash by its key.
 *
 * Parts may be put in any order and several at once.
 */
export interface PartUpload {
  /**
   * The receipt of that part when an earlier life of this process put it and the store still has exactly these bytes.
   *
   * @param offset - where the part begins in the object, in bytes
   */
  kept(number: number, offset: number, bytes: Buffer): Promise<PartReceipt | null>;
  /**
   * @param offset - where the part begins in the object, in bytes
   * @returns once the store has it as it was sent; a power cut of the store may lose it again until `complete`
   */
  put(number: number, offset: number, bytes: Buffer): Promise<PartReceipt>;
  /**
   * Makes the object visible, wholly or not at all and for good, and looks whether its size is right. Repeatable.
   *
   * @throws {ObjectCorruptError} the store holds something else than what was sent
   */
  complete(parts: readonly PartReceipt[]): Promise<void>;
  /** Gives up what was sent. Nothing to do when there is nothing. */
  abort(): Promise<void>;
}

/**
 * Write-once objects. Keys are made of ids only.
 *
 * @throws {StoreUnavailableError} down or too slow; try again later
 * @throws {StoreRefusedError} no such bucket, wrong credentials, over quota
 */
export interface ObjectStore {
  /** Bytes that a part must have, unless it is the last, and may have at most. */
  readonly partLimits: { readonly minBytes: number; readonly maxBytes: number; readonly maxParts: number };
  /** Begins an object or goes on with it. One writer per key. */
  openUpload(key: string): Promise<PartUpload>;
  /** A small object in one go; what was there is replaced. */
  put(key: string, bytes: Buffer): Promise<void>;
  /** A small object, whole; `null`: there is none. */
  get(key: string): Promise<Buffer | null>;
  /**
   * @throws {ObjectMissingError}
   * @throws {ObjectCorruptError} the object ends before the range does
   */
  getRange(key: string, offset: number, length: number): Promise<Buffer>;
  /** `null`: there is none. */
  stat(key: string): Promise<{ sizeBytes: number } | null>;
  /** Nothing to do when there is none. */
  delete(key: string): Promise<void>;
  /** Finished objects, in the order of their keys. */
  list(prefix: string): AsyncIterable<{ key: string; sizeBytes: number }>;
  /** Objects under way, whoever began them, oldest first. */
  listUploads(prefix: string): AsyncIterable<{ key: string; startedAt: Date }>;
  /** @throws as above when the store can't be used as configured */
  probe(): Promise<void>;
}
