import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HypervisorRefusedError, NoSpaceError } from '@varve/core';
import type { ImageReader, ImageWriter } from '@varve/ports';
import { sync } from './durable.js';
import { NbdClient, NbdError } from './nbd-client.js';
import { limited, minimalEnvironment, THOROUGH } from './tools.js';

/** qemu-nbd takes at most 32 MiB at once; small pieces keep several in the air. */
const PIECE_BYTES = 2 ** 20;
const ZERO_PIECE_BYTES = 2 ** 30;
const IN_FLIGHT = 8;
const START_DEADLINE_MS = 15_000;
const END_DEADLINE_MS = 60_000;

interface Server {
  readonly client: NbdClient;
  /** Waits for qemu-nbd to end by itself. @returns its exit code, `null` when it had to be killed */
  ended(deadlineMs: number): Promise<number | null>;
  kill(): Promise<void>;
  stderr(): string;
}

/**
 * @param cache - QEMU's word for how the host's page cache is used
 * @param freeBytes - asked when the file system is full, for the error
 * @throws {HypervisorRefusedError} qemu-nbd could not open the image
 */
export async function openNbdWriter(
  path: string,
  cache: 'none' | 'writeback',
  freeBytes: () => Promise<number>,
): Promise<ImageWriter> {
  const server = await serve(path, [`--cache=${cache}`, '--discard=unmap', '--detect-zeroes=off']);
  const gate = new Gate(IN_FLIGHT);
  let open = true;
  const close = async () => {
    open = false;
    server.client.destroy();
    await server.kill();
  };
  const failed = async (what: string, length: number, error: unknown): Promise<never> => {
    if (!(error instanceof NbdError) || error.errno !== constants.errno.ENOSPC) throw refused(what, error, server);
    const full = new NoSpaceError(length, await freeBytes(), 'Writing the layer');
    full.cause = error;
    throw full;
  };
  return {
    write: (offset, bytes) =>
      inPieces(offset, bytes.length, PIECE_BYTES, (at, length) =>
        gate.pass(() => server.client.write(at, bytes.subarray(at - offset, at - offset + length))),
      ).catch((error: unknown) => failed('write', bytes.length, error)),
    zero: (offset, length) =>
      inPieces(offset, length, ZERO_PIECE_BYTES, (at, piece) =>
        gate.pass(() => server.client.writeZeroes(at, piece)),
      ).catch((error: unknown) => failed('zero', length, error)),
    finish: async () => {
      try {
        await server.client.flush();
        server.client.disconnect();
        const code = await server.ended(END_DEADLINE_MS);
        if (code !== 0) throw new NbdError(`qemu-nbd ended with ${code ?? 'a signal'}`, null);
        open = false;
        await sync(path);
        await sync(dirname(path));
      } catch (error) {
        await close();
        await failed('finish', 0, error);
      }
    },
    close: async () => {
      if (open) await close();
    },
  };
}

/** @throws {HypervisorRefusedError} qemu-nbd could not open the image */
export async function openNbdReader(path: string): Promise<ImageReader> {
  const server = await serve(path, ['--read-only', '--cache=writeback']);
  const gate = new Gate(IN_FLIGHT);
  return {
    read: async (offset, length) => {
      const bytes = Buffer.allocUnsafe(length);
      try {
        await inPieces(offset, length, PIECE_BYTES, (at, piece) =>
          gate.pass(async () => {
            (await server.client.read(at, piece)).copy(bytes, at - offset);
          }),
        );
      } catch (error) {
        throw refused('read', error, server);
      }
      return bytes;
    },
    close: async () => {
      server.client.destroy();
      await server.kill();
    },
  };
}

/** Starts a qemu-nbd that serves one client, and connects to it. It ends with that client, and with us. */
async function serve(path: string, options: readonly string[]): Promise<Server> {
  // Not in the instance directory: a socket's path has 107 bytes at most.
  const directory = await mkdtemp(join(tmpdir(), 'varve-nbd-'));
  const socket = join(directory, 'socket');
  const line = ['--format=qcow2', `--socket=${socket}`, '--shared=1', ...options, path];
  const [command, args] = limited('qemu-nbd', line, THOROUGH);
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...minimalEnvironment(), LC_ALL: 'C' },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-4_000);
  });
  const exit = new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
    child.once('error', (error) => {
      stderr += error.message;
      resolve(null);
    });
  });
  const kill = async () => {
    child.kill('SIGKILL');
    await exit;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const client = await connectWhenUp(socket, child);
    const ended = async (deadlineMs: number) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
      const code = await exit;
      clearTimeout(timer);
      await rm(directory, { recursive: true, force: true });
      return code;
    };
    return { client, ended, kill, stderr: () => stderr };
  } catch (error) {
    await kill();
    throw new HypervisorRefusedError(`qemu-nbd did not open the layer: ${stderr.trim()}`, {}, { cause: error });
  }
}

async function connectWhenUp(socket: string, child: ChildProcess): Promise<NbdClient> {
  const deadline = performance.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      return await NbdClient.connect(socket);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const notYet = code === 'ENOENT' || code === 'ECONNREFUSED';
      const over = child.exitCode !== null || child.signalCode !== null || performance.now() > deadline;
      if (!notYet || over) throw error;
      await delay(5);
    }
  }
}

async function inPieces(
  offset: number,
  length: number,
  pieceBytes: number,
  work: (at: number, length: number) => Promise<void>,
): Promise<void> {
  const pieces: Promise<void>[] = [];
  for (let at = offset; at < offset + length; at += pieceBytes) {
    pieces.push(work(at, Math.min(pieceBytes, offset + length - at)));
  }
  // All of them, also when one fails: the caller's buffer is in use until then.
  const failed = (await Promise.allSettled(pieces)).find((piece) => piece.status === 'rejected');
  if (failed) throw failed.reason;
}

function refused(what: string, error: unknown, server: Server): HypervisorRefusedError {
  const said = server.stderr().trim();
  const message = `qemu-nbd: ${what}: ${(error as Error).message}${said ? `; ${said}` : ''}`;
  return new HypervisorRefusedError(message, {}, { cause: error });
}

/** Lets so many through at once. */
class Gate {
  private readonly queue: (() => void)[] = [];

  constructor(private free: number) {}

  async pass(work: () => Promise<void>): Promise<void> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.queue.push(resolve));
    try {
      await work();
    } finally {
      const next = this.queue.shift();
      if (next) next();
      else this.free++;
    }
  }
}
