import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Command {
  readonly execute: string;
  readonly arguments?: { readonly id?: number };
}

/** Speaks as qemu-ga 7.2 does, and misbehaves on demand. */
export class FakeAgent {
  frozen = false;
  /** Commands, in the order they came. */
  readonly heard: string[] = [];
  /** Commands that get no answer. */
  readonly deafTo = new Set<string>();
  /** Commands that are carried out, with the answer lost. */
  readonly muteAfter = new Set<string>();
  private readonly clients = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly directory: string,
  ) {}

  static async start(): Promise<FakeAgent> {
    const directory = await mkdtemp(join(tmpdir(), 'varve-agent-'));
    const server = createServer();
    const agent = new FakeAgent(server, directory);
    server.on('connection', (socket) => agent.serve(socket));
    await new Promise<void>((resolve) => server.listen(agent.socketPath, resolve));
    return agent;
  }

  get socketPath(): string {
    return join(this.directory, 'agent.sock');
  }

  dropClients(): void {
    for (const client of this.clients) client.destroy();
  }

  async close(): Promise<void> {
    this.dropClients();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(this.directory, { recursive: true, force: true });
  }

  private serve(socket: Socket): void {
    this.clients.add(socket);
    socket.on('close', () => this.clients.delete(socket));
    socket.on('error', () => this.clients.delete(socket));
    let buffered = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      buffered += text;
      if (buffered.includes('\u00ff') && !this.deafTo.has('guest-sync-delimited')) {
        socket.write('{"error": {"class": "GenericError", "desc": "JSON parse error, stray"}}\n');
      }
      buffered = buffered.replaceAll('\u00ff', '');
      for (let end = buffered.indexOf('\n'); end >= 0; end = buffered.indexOf('\n')) {
        this.obey(socket, JSON.parse(buffered.slice(0, end)) as Command);
        buffered = buffered.slice(end + 1);
      }
    });
  }

  private obey(socket: Socket, command: Command): void {
    this.heard.push(command.execute);
    if (this.deafTo.has(command.execute)) return;
    const answer = this.answer(command);
    if (this.muteAfter.has(command.execute)) return;
    const mark = command.execute === 'guest-sync-delimited' ? '\u00ff' : '';
    socket.write(Buffer.from(`${mark}${JSON.stringify({ return: answer })}\n`, 'latin1'));
  }

  private answer({ execute, arguments: args }: Command): unknown {
    const was = this.frozen;
    switch (execute) {
      case 'guest-sync-delimited':
        return args?.id;
      case 'guest-fsfreeze-status':
        return was ? 'frozen' : 'thawed';
      case 'guest-fsfreeze-freeze':
        this.frozen = true;
        return 1;
      case 'guest-fsfreeze-thaw':
        this.frozen = false;
        return was ? 1 : 0;
      default:
        return {};
    }
  }
}
