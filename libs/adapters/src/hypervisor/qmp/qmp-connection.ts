import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** QEMU's own answer to a command that it did not carry out. */
export class QmpCommandError extends Error {
  constructor(
    readonly command: string,
    readonly errorClass: string,
    readonly desc: string,
  ) {
    super(`${command}: ${desc}`);
    this.name = 'QmpCommandError';
  }
}

/** The monitor went away, or did not answer in time, while something was asked of it. */
export class QmpLostError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QmpLostError';
  }
}

/** Nobody listens on the socket: there is no QEMU, or not yet. */
export class QmpAbsentError extends Error {
  constructor(options?: ErrorOptions) {
    super('Nobody listens on the monitor socket', options);
    this.name = 'QmpAbsentError';
  }
}

/** Arguments as they go over the wire. `null` is meant: QMP tells `"backing": null` from no backing. */
export type QmpArguments = Readonly<Record<string, unknown>>;

interface QmpMessage {
  readonly QMP?: unknown;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
}

interface Waiting {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * One connection to a QEMU monitor. QEMU serves one client at a time on a socket: others wait, unanswered, until this
 * one is closed. So hold it for a few commands only.
 */
export class QmpConnection {
  private readonly waiting = new Map<number, Waiting>();
  private buffered = '';
  private nextId = 1;
  private lost: QmpLostError | null = null;
  private greet: (() => void) | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', (error) =>
      this.lose(new QmpLostError(`The monitor failed: ${error.message}`, { cause: error })),
    );
    socket.on('close', () => this.lose(new QmpLostError('The monitor closed the connection')));
  }

  /**
   * Connects and leaves negotiation mode.
   *
   * @param deadlineMs - milliseconds until the monitor must have greeted us; another client may have it
   * @throws {QmpAbsentError} nobody listens
   * @throws {QmpLostError} somebody listens but did not greet us in time
   */
  static async open(path: string, deadlineMs: number): Promise<QmpConnection> {
    const socket = await connect(path, performance.now() + deadlineMs);
    const connection = new QmpConnection(socket);
    try {
      await connection.greeted(deadlineMs);
      await connection.execute('qmp_capabilities', {}, deadlineMs);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /**
   * @param deadlineMs - milliseconds for the answer
   * @throws {QmpCommandError} QEMU refused
   * @throws {QmpLostError} no answer; it may or may not have been carried out
   */
  async execute<T>(command: string, args: QmpArguments = {}, deadlineMs = 10_000): Promise<T> {
    if (this.lost) throw this.lost;
    const id = this.nextId++;
    const answer = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { command, resolve, reject }));
    this.socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    // A late answer would be taken for the next command's, were it not for the id; but QEMU is not to be trusted with
    // more commands while it hangs in this one.
    const timer = setTimeout(
      () => this.lose(new QmpLostError(`${command}: no answer in ${deadlineMs} ms`)),
      deadlineMs,
    );
    try {
      return (await answer) as T;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  /** Nothing can be asked any more. */
  get isLost(): boolean {
    return this.lost !== null;
  }

  close(): void {
    this.lose(new QmpLostError('The connection was closed by us'));
  }

  private async greeted(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      if (this.lost) {
        reject(this.lost);
        return;
      }
      const timer = setTimeout(
        () =>
          this.lose(new QmpLostError(`The monitor did not greet us in ${deadlineMs} ms; another client may have it`)),
        deadlineMs,
      );
      this.waiting.set(0, { command: 'greeting', resolve: () => resolve(), reject });
      this.greet = () => {
        clearTimeout(timer);
        this.waiting.delete(0);
        resolve();
      };
      this.socket.once('close', () => clearTimeout(timer));
    });
  }

  private receive(text: string): void {
    this.buffered += text;
    for (let end = this.buffered.indexOf('\n'); end >= 0; end = this.buffered.indexOf('\n')) {
      const line = this.buffered.slice(0, end).trim();
      this.buffered = this.buffered.slice(end + 1);
      if (line) this.take(line);
    }
  }

  private take(line: string): void {
    let message: QmpMessage;
    try {
      message = JSON.parse(line) as QmpMessage;
    } catch (error) {
      this.lose(new QmpLostError('The monitor said something that is not JSON', { cause: error }));
      return;
    }
    if (message.QMP !== undefined) this.greet?.();
    // Events are not used: whatever they tell is asked for, since those of a closed connection would be missed.
    if (message.id === undefined) return;
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    if (message.error) waiting.reject(new QmpCommandError(waiting.command, message.error.class, message.error.desc));
    else waiting.resolve(message.return);
  }

  private lose(reason: QmpLostError): void {
    if (this.lost) return;
    this.lost = reason;
    this.socket.destroy();
    for (const waiting of this.waiting.values()) waiting.reject(reason);
    this.waiting.clear();
  }
}

/** @param deadline - of `performance.now()` */
async function connect(path: string, deadline: number): Promise<Socket> {
  for (;;) {
    const socket = createConnection({ path });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      socket.removeAllListeners('error');
      return socket;
    } catch (error) {
      socket.destroy();
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ECONNREFUSED') throw new QmpAbsentError({ cause: error });
      // QEMU's queue of waiting clients is short.
      if (code !== 'EAGAIN' || performance.now() > deadline) {
        throw new QmpLostError(`The monitor can't be reached: ${(error as Error).message}`, { cause: error });
      }
      await delay(10);
    }
  }
}
