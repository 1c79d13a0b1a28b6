// A way to a TCP service that a test can close: what was on its way breaks off, and what comes then waits.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class Gate {
  private readonly server: Server;
  private readonly to: number;
  private readonly sockets = new Set<Socket>();
  private waiting: Socket[] = [];
  private held = false;

  private constructor(server: Server, to: number) {
    this.server = server;
    this.to = to;
    server.on('connection', (socket) => {
      this.keep(socket);
      if (this.held) this.waiting.push(socket);
      else this.lead(socket);
    });
  }

  /** On a free port of loopback, to another one there. */
  static async before(port: number): Promise<Gate> {
    const server = createServer({ pauseOnConnect: true });
    const gate = new Gate(server, port);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return gate;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  hold(): void {
    this.held = true;
    for (const socket of this.sockets) socket.destroy();
  }

  release(): void {
    this.held = false;
    for (const socket of this.waiting.splice(0)) if (!socket.destroyed) this.lead(socket);
  }

  close(): void {
    this.hold();
    this.server.close();
  }

  private lead(socket: Socket): void {
    const there = connect(this.to, '127.0.0.1');
    this.keep(there);
    socket.pipe(there).pipe(socket);
    socket.once('close', () => there.destroy());
    there.once('close', () => socket.destroy());
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.once('close', () => this.sockets.delete(socket));
    // Whoever is at the other end of a broken connection is told; here it means nothing.
    socket.on('error', () => undefined);
  }
}
