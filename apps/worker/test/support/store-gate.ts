// The object store as something that a test can take away from the product alone, whoever else uses it.
import { renameSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { ClusterStore } from '../../../../testbed/cluster.ts';
import { freshBucket } from '../../../../testbed/services/shared.ts';

export interface StoreGate {
  /** What the product is told. */
  readonly store: ClusterStore;
  /** From now on every request fails. */
  takeAway(): void;
  /** From now on requests are taken and never answered. Only over HTTP. */
  hold?(): void;
  bringBack(): void;
  /** Whole or partial objects read since the last call; `null`: this store can't be watched, only taken away. */
  countReads(): number | null;
  close(): Promise<void>;
}

export type StoreKind = ClusterStore['kind'];

export async function makeStore(kind: StoreKind, root: string): Promise<StoreGate> {
  return kind === 'filesystem' ? folderGate(join(root, 'store')) : HttpGate.open(await freshBucket());
}

/** As with a mount that has gone. */
function folderGate(path: string): StoreGate {
  return {
    store: { kind: 'filesystem', path },
    takeAway: () => renameSync(path, `${path}.away`),
    bringBack: () => renameSync(`${path}.away`, path),
    countReads: () => null,
    close: () => Promise.resolve(),
  };
}

/** An HTTP proxy in front of the S3 server. Signatures hold: the request's head goes on as it came. */
class HttpGate implements StoreGate {
  private mode: 'open' | 'held' | 'away' = 'open';
  private reads = 0;

  private constructor(
    private readonly server: Server,
    readonly store: ClusterStore & { kind: 's3' },
  ) {}

  static async open(behind: Awaited<ReturnType<typeof freshBucket>>): Promise<HttpGate> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const gate = new HttpGate(server, {
      kind: 's3',
      endPoint: '127.0.0.1',
      port,
      accessKey: behind.accessKey,
      secretKey: behind.secretKey,
      bucket: behind.bucket,
      region: behind.region,
    });
    server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
      if (gate.mode === 'away') incoming.socket.destroy();
      else if (gate.mode === 'open') gate.forward(incoming, outgoing, behind);
    });
    return gate;
  }

  private forward(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    { endPoint, port }: { endPoint: string; port: number },
  ): void {
    const { method, url, headers } = incoming;
    if (method === 'GET' && /\/layers\//.test(url ?? '') && !url?.includes('uploadId=')) this.reads++;
    const onward = request({ host: endPoint, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  }

  takeAway(): void {
    this.mode = 'away';
    this.server.closeAllConnections();
  }

  hold(): void {
    this.mode = 'held';
  }

  /** What was held is broken off: its sender has to ask again. */
  bringBack(): void {
    if (this.mode === 'held') this.server.closeAllConnections();
    this.mode = 'open';
  }

  countReads(): number {
    const { reads } = this;
    this.reads = 0;
    return reads;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
