// An OpenStack HTTP API under uWSGI, as Debian runs them.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '../services/account.ts';
import { Daemon } from '../services/daemon.ts';
import { Service } from '../services/service.ts';
import { renderIni } from './ini.ts';

const PATIENCE_S = 600;

export interface WsgiOptions {
  readonly name: string;
  readonly user: Account;
  readonly script: string;
  readonly port: number;
  readonly processes: number;
  readonly threads: number;
  /** Takes uploads without a length (Glance). */
  readonly chunked?: boolean;
  readonly dir: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

export function wsgiService(options: WsgiOptions): Service {
  const { name, port, dir } = options;
  const file = join(dir, 'uwsgi.ini');
  const chunked = {
    'http-auto-chunked': true,
    'http-chunked-input': true,
    'http-raw-body': true,
    'wsgi-manage-chunked-input': true,
  };
  const uwsgi = {
    'http-socket': `127.0.0.1:${port}`,
    'wsgi-file': `/usr/bin/${options.script}`,
    chdir: dir,
    plugins: 'python3',
    master: true,
    'lazy-apps': true,
    'enable-threads': true,
    'die-on-term': true,
    'no-orphans': true,
    'need-app': true,
    'buffer-size': 65535,
    processes: options.processes,
    threads: options.threads,
    listen: 100,
    // By itself it cuts off whoever is silent for 4 s with half of an image, also while it only waits for a disk.
    'socket-timeout': PATIENCE_S,
    'chunked-input-timeout': PATIENCE_S,
    'add-header': 'Connection: close',
    'disable-logging': true,
    ...(options.chunked ? chunked : {}),
  };
  writeFileSync(file, renderIni({ uwsgi }));
  const daemon = new Daemon(options.user, {
    name,
    argv: ['uwsgi_python3', '--ini', file],
    env: { HOME: dir, ...options.env },
    cwd: dir,
    logFile: options.logFile,
  });
  return new Service(name, [daemon], async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(10_000) });
    return answer.status < 500;
  });
}
