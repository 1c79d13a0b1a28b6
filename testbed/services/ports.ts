// Free loopback ports that stay ours: chosen below the range from which the kernel gives ports to outgoing connections,
// so that a service which is stopped for a while finds its port free again.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST = 20_000;
const END = 32_000;

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** `count` different ports that nobody listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 1000) throw new Error(`no ${count} free ports between ${FIRST} and ${END}`);
    const port = randomInt(FIRST, END);
    if (!found.has(port) && (await isPortFree(port))) found.add(port);
  }
  return [...found];
}
