// The control port of a proving guest, from the host's side. Whoever started the QEMU behind it.
import { createConnection, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export class GuestControl {
  private readonly path: string;
  private socket: Socket | null = null;
  private lastId = 0;
  private readonly waiting = new Map<number, (answer: string | Error) => void>();

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Sends a command and gives the answer without its leading `ok`. Waits for a guest that is still booting, and
   * connects again after a restart.
   *
   * @throws {Error} the guest said `err`, was not there, went away meanwhile, or took longer than `deadlineMs`
   */
  async ask(command: string, deadlineMs = 60_000): Promise<string> {
    const end = performance.now() + deadlineMs;
    // A port that the guest has not opened yet swallows what is sent to it.
    while (!this.socket) await this.connect(end);
    return this.send(command, Math.max(1, end - performance.now()));
  }

  close(): void {
    this.socket?.destroy();
    this.socket = null;
  }

  private async connect(end: number): Promise<void> {
    if (performance.now() > end) throw new Error(`no guest behind ${this.path}`);
    const socket = createConnection(this.path);
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (!connected) {
      await sleep(20);
      return;
    }
    this.listen(socket);
    this.socket = socket;
    while (this.socket === socket) {
      try {
        await this.send('ping', 250);
        return;
      } catch (error) {
        if (performance.now() > end) {
          this.close();
          throw new Error(`the guest behind ${this.path} is silent`, { cause: error });
        }
      }
    }
  }

  private listen(socket: Socket): void {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (piece: string) => {
      const lines = (text + piece).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const [, id, answer = ''] = /^(\d+) (.*)$/.exec(line.trimEnd()) ?? [];
        this.waiting.get(Number(id))?.(answer);
      }
    });
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      if (this.socket === socket) this.socket = null;
      for (const settle of this.waiting.values()) settle(new Error(`the guest behind ${this.path} went away`));
    });
  }

  private send(command: string, deadlineMs: number): Promise<string> {
    const id = ++this.lastId;
    return new Promise<string>((resolve, reject) => {
      const late = setTimeout(
        () => settle(new Error(`no answer to "${command}" in ${Math.round(deadlineMs)} ms`)),
        deadlineMs,
      );
      const settle = (answer: string | Error): void => {
        clearTimeout(late);
        this.waiting.delete(id);
        if (answer instanceof Error) reject(answer);
        else if (answer.startsWith('ok ')) resolve(answer.slice(3));
        else reject(new Error(`the guest answered "${answer}" to "${command}"`));
      };
      this.waiting.set(id, settle);
      this.socket?.write(`${id} ${command}\n`);
    });
  }
}

/** `a=1 b=2` as an object; words without `=` are left out. */
export function valuesIn(answer: string): Record<string, string> {
  return Object.fromEntries(
    answer.split(' ').flatMap((word) => (word.includes('=') ? [word.split('=', 2)] : [])) as [string, string][],
  );
}
