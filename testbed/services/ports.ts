// Free loopback ports that stay ours: chosen below the range from which the kernel gives ports to outgoing connections,
// so that a service which is stopped for a while finds its port free again.
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { isSameProcess, startTimeOf } from './process-table.ts';

const FIRST = 20_000;
const END = 32_000;
/** Of each port, the process that has been given it: until it listens, or when it stops for a while, nothing else says so. */
const CLAIMS = `/var/tmp/varve-ports-${process.getuid?.() ?? 0}`;

/** Whether somebody answers there. In contrast to {@link isPortFree} it does not take the port for a moment itself. */
export function isServed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** `count` different ports that nobody listens on now, and that no other process has been given. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1000) throw new Error(`no ${count} free ports between ${FIRST} and ${END}`);
    const port = randomInt(FIRST, END);
    if (claim(port) && (await isPortFree(port))) found.add(port);
  }
  return [...found];
}

function claim(port: number): boolean {
  mkdirSync(CLAIMS, { recursive: true });
  const file = join(CLAIMS, String(port));
  try {
    writeFileSync(file, `${process.pid} ${startTimeOf(process.pid)}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const [pid, startTime] = (readIfThere(file) ?? '').split(' ');
  // Of one that has ended: free for the next who comes by.
  if (startTime !== undefined && !isSameProcess(Number(pid), startTime)) rmSync(file, { force: true });
  return false;
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
