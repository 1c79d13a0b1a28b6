// One command over QMP, for tests that look at or disturb a QEMU beside the product.
import { createConnection } from 'node:net';

/**
 * Connects, runs one command, leaves.
 *
 * @throws {Error} QEMU refused, or nothing listens at `path`
 */
export function qmp(path: string, execute: string, args: Record<string, unknown> = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let text = '';
    const done = (settle: () => void): void => {
      socket.destroy();
      settle();
    };
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      const lines = (text + piece).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const message = JSON.parse(line) as Record<string, unknown> & { error?: { desc: string } };
        if ('QMP' in message) {
          socket.write(`${JSON.stringify({ execute: 'qmp_capabilities', id: 'hello' })}\n`);
        } else if (message['id'] === 'hello') {
          socket.write(`${JSON.stringify({ execute, arguments: args, id: 'it' })}\n`);
        } else if (message['id'] === 'it') {
          done(() =>
            message.error ? reject(new Error(`${execute}: ${message.error.desc}`)) : resolve(message['return']),
          );
        }
      }
    });
    socket.on('error', (error) => done(() => reject(error)));
    socket.on('close', () => reject(new Error(`QEMU ended during ${execute}`)));
  });
}
