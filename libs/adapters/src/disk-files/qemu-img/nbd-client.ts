import { createConnection } from 'node:net';
import type { Socket } from 'node:net';

const GREETING = 0x4e42444d41474943n; // "NBDMAGIC"
const OPTION = 0x49484156454f5054n; // "IHAVEOPT"
const OPTION_REPLY = 0x0003e889045565a9n;
const REQUEST = 0x25609513;
const SIMPLE_REPLY = 0x67446698;
const HANDSHAKE = { fixedNewstyle: 1, noZeroes: 2 };
const OPT_GO = 7;
const REPLY = { ack: 1, info: 3 };
const INFO_EXPORT = 0;
const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3, writeZeroes: 6 };
const FLAG = { noHole: 2 };

/** The server refused a request, or broke off. */
export class NbdError extends Error {
  constructor(
    message: string,
    /** Linux's number of the error; `null`: the connection is gone. */
    readonly errno: number | null,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'NbdError';
  }
}

interface Pending {
  readonly what: string;
  /** Bytes that come with the reply. */
  readonly length: number;
  resolve(bytes: Buffer): void;
  reject(error: NbdError): void;
}

/**
 * The network block device protocol, as far as our own qemu-nbd on a local socket needs it: fixed newstyle handshake,
 * simple replies. Requests may overlap; nothing says in which order they are carried out.
 *
 * @see https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
 */
export class NbdClient {
  private readonly pending = new Map<bigint, Pending>();
  private nextCookie = 1n;
  private gone: NbdError | null = null;

  private constructor(
    private readonly socket: Socket,
    private readonly input: ByteQueue,
    readonly sizeBytes: number,
  ) {
    void this.receiveReplies(); // Ends with the connection; what goes wrong is told to the waiting requests.
  }

  /** @throws what the socket throws when nobody listens there, or {NbdError} */
  static async connect(path: string): Promise<NbdClient> {
    const socket = createConnection({ path });
    const input = new ByteQueue(socket);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      return new NbdClient(socket, input, await negotiate(socket, input));
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.request('read', COMMAND.read, 0, offset, length, null);
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    await this.request('write', COMMAND.write, 0, offset, bytes.length, bytes);
  }

  /** @param keepAllocated - leave the range allocated instead of making a hole of it; reads as zeros either way */
  async writeZeroes(offset: number, length: number, keepAllocated = false): Promise<void> {
    await this.request('write zeroes', COMMAND.writeZeroes, keepAllocated ? FLAG.noHole : 0, offset, length, null);
  }

  /** Everything that was answered before this was asked is on the disk when it resolves. */
  async flush(): Promise<void> {
    await this.request('flush', COMMAND.flush, 0, 0, 0, null);
  }

  /** Tells the server that we are done; it flushes and closes the image. */
  disconnect(): void {
    if (this.gone) return;
    this.gone = new NbdError('The connection was closed by us', null);
    this.socket.end(requestHeader(0, COMMAND.disconnect, 0n, 0, 0));
  }

  destroy(): void {
    this.lose(new NbdError('The connection was closed by us', null));
  }

  private request(
    what: string,
    command: number,
    flags: number,
    offset: number,
    length: number,
    payload: Buffer | null,
  ): Promise<Buffer> {
    if (this.gone) return Promise.reject(this.gone);
    const cookie = this.nextCookie++;
    return new Promise((resolve, reject) => {
      this.pending.set(cookie, { what, length: command === COMMAND.read ? length : 0, resolve, reject });
      this.socket.cork();
      this.socket.write(requestHeader(flags, command, cookie, offset, length));
      if (payload) this.socket.write(payload);
      this.socket.uncork();
    });
  }

  private async receiveReplies(): Promise<void> {
    try {
      for (;;) {
        const head = await this.input.take(16);
        if (head.readUInt32BE(0) !== SIMPLE_REPLY) throw new NbdError('The server answered out of turn', null);
        const cookie = head.readBigUInt64BE(8);
        const pending = this.pending.get(cookie);
        if (!pending) throw new NbdError('The server answered what was not asked', null);
        const errno = head.readUInt32BE(4);
        // It waits until all of its answer is here, which the connection may not live to see.
        if (errno === 0) pending.resolve(await this.input.take(pending.length));
        else pending.reject(new NbdError(`${pending.what} failed with error ${errno}`, errno));
        this.pending.delete(cookie);
      }
    } catch (error) {
      this.lose(error instanceof NbdError ? error : new NbdError((error as Error).message, null, { cause: error }));
    }
  }

  private lose(reason: NbdError): void {
    this.gone ??= reason;
    this.socket.destroy();
    for (const pending of this.pending.values()) pending.reject(this.gone);
    this.pending.clear();
  }
}

/** @returns the export's size in bytes */
async function negotiate(socket: Socket, input: ByteQueue): Promise<number> {
  const hello = await input.take(18);
  if (hello.readBigUInt64BE(0) !== GREETING || hello.readBigUInt64BE(8) !== OPTION) {
    throw new NbdError('The server does not speak the newstyle protocol', null);
  }
  const flags = Buffer.alloc(4);
  flags.writeUInt32BE(hello.readUInt16BE(16) & (HANDSHAKE.fixedNewstyle | HANDSHAKE.noZeroes));
  const go = Buffer.alloc(16 + 6); // the default export's empty name, no information asked for
  go.writeBigUInt64BE(OPTION, 0);
  go.writeUInt32BE(OPT_GO, 8);
  go.writeUInt32BE(6, 12);
  socket.write(Buffer.concat([flags, go]));

  for (let size: number | null = null; ;) {
    const head = await input.take(20);
    if (head.readBigUInt64BE(0) !== OPTION_REPLY) throw new NbdError('The server answered out of turn', null);
    const type = head.readUInt32BE(12);
    const data = await input.take(head.readUInt32BE(16));
    if (type === REPLY.info && data.readUInt16BE(0) === INFO_EXPORT) size = Number(data.readBigUInt64BE(2));
    else if (type === REPLY.ack && size !== null) return size;
    else if (type !== REPLY.info) throw new NbdError(`The server refused the export: ${data.toString('utf8')}`, null);
  }
}

function requestHeader(flags: number, command: number, cookie: bigint, offset: number, length: number): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt32BE(REQUEST, 0);
  head.writeUInt16BE(flags, 4);
  head.writeUInt16BE(command, 6);
  head.writeBigUInt64BE(cookie, 8);
  head.writeBigUInt64BE(BigInt(offset), 16);
  head.writeUInt32BE(length, 24);
  return head;
}

/** Bytes as they arrive, taken in runs of a known length by one reader. */
class ByteQueue {
  private chunks: Buffer[] = [];
  private available = 0;
  private ended: Error | null = null;
  private wake: (() => void) | null = null;

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.available += chunk.length;
      this.wake?.();
    });
    const end = (error: Error) => {
      this.ended ??= error;
      this.wake?.();
    };
    socket.on('error', end);
    socket.on('close', () => end(new NbdError('The server closed the connection', null)));
  }

  async take(length: number): Promise<Buffer> {
    while (this.available < length) {
      if (this.ended) throw this.ended;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      this.wake = null;
    }
    const bytes = Buffer.allocUnsafe(length);
    for (let filled = 0; filled < length;) {
      const chunk = this.chunks[0];
      if (!chunk) break;
      const used = Math.min(chunk.length, length - filled);
      chunk.copy(bytes, filled, 0, used);
      filled += used;
      if (used === chunk.length) this.chunks.shift();
      else this.chunks[0] = chunk.subarray(used);
    }
    this.available -= length;
    return bytes;
  }
}
