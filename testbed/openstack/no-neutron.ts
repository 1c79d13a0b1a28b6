// Stands in for Neutron: no networks, no ports, no security groups. Nova boots a server without networks by itself, but
// asks for these lists whenever it shows or deletes one.
import { createServer, type Server } from 'node:http';

/** Checks no tokens and keeps nothing. */
export function startNoNeutron(port: number): Promise<Server> {
  const server = createServer((request, response) => {
    const { status, body } = answer(request.method ?? '', request.url ?? '/', port);
    request.resume();
    // Node closes a connection that was idle for seconds. Nova keeps its own for later, and when it asks in that very
    // moment, shows its users an error.
    response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
    response.end(JSON.stringify(body));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

function answer(method: string, url: string, port: number): { status: number; body: object } {
  const refusal = (status: number, type: string): { status: number; body: object } => ({
    status,
    body: { NeutronError: { type, message: 'there are no networks here', detail: '' } },
  });
  if (method !== 'GET') return refusal(409, 'Conflict');
  const [version, collection, ...rest] = new URL(url, 'http://x').pathname.split('/').filter((part) => part !== '');
  if (version === undefined) {
    const links = [{ rel: 'self', href: `http://127.0.0.1:${port}/v2.0/` }];
    return { status: 200, body: { versions: [{ id: 'v2.0', status: 'CURRENT', links }] } };
  }
  if (collection === undefined) return { status: 200, body: { resources: [] } };
  if (collection === 'quotas') {
    const kinds = ['network', 'subnet', 'port', 'router', 'floatingip', 'security_group', 'security_group_rule'];
    return { status: 200, body: { quota: Object.fromEntries(kinds.map((kind) => [kind, -1])) } };
  }
  if (rest.length > 0) return refusal(404, 'NotFound');
  return { status: 200, body: { [collection.replace(/\.json$/, '').replaceAll('-', '_')]: [] } };
}
