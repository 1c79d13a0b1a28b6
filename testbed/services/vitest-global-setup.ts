// One set of embedded services for all spec files of a vitest run. Nothing is started until a spec asks
// (`sharedServices()` in ./shared.ts): a run of one file that needs none of them doesn't wait for them.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Rights } from './rabbitmq.ts';
import { startServices, type Services } from './services.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A unix socket; see ./shared.ts. */
    varveServices: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const stateDir = mkdtempSync('/var/tmp/varve-spec-');
  const running: { services: Promise<Services> | null } = { services: null };
  const server = await listen(join(stateDir, 'sock'), () => (running.services ??= startServices({ stateDir })));
  project.provide('varveServices', join(stateDir, 'sock'));

  return async () => {
    server.close();
    server.closeAllConnections();
    // A failed start was told to whoever asked; it has cleaned up after itself.
    await running.services?.then(
      (services) => services.stop(),
      () => undefined,
    );
    rmSync(stateDir, { recursive: true, force: true });
  };
}

/** `POST /<kind>/<name>` makes something fresh of that kind and answers with how to reach it. */
function listen(socket: string, services: () => Promise<Services>): Promise<Server> {
  const make = async (path: string): Promise<unknown> => {
    const [, kind, name = ''] = path.split('/');
    const all = await services();
    if (kind === 'database') return all.createDatabase(name);
    if (kind === 'vhost') return all.createVhost(name);
    if (kind === 'bucket') return all.createBucket(name);
    if (kind === 'user') {
      const { vhostUrl, rights } = JSON.parse(decodeURIComponent(name)) as { vhostUrl: string; rights: Rights };
      return all.createUser(vhostUrl, rights);
    }
    throw new Error(`no such thing: ${path}`);
  };
  const server = createServer((request, response) => {
    make(request.url ?? '').then(
      (made) => response.end(JSON.stringify(made)),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(JSON.stringify(String(error)));
      },
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, () => resolve(server));
  });
}
