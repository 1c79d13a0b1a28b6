// Horizon, as Debian has it, for this cloud. Not part of the testbed's `up`: only its own test needs it.
//
//   const horizon = await Horizon.start(cloud.file, { VARVE_URL: '"https://varve.example"' }, 'docs/programs/horizon.py');
//   const visitor = await horizon.logIn(cloud.file.logins.demo);
//   const html = await visitor.get('/project/instances/');
//   await horizon.stop();
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../services/daemon.ts';
import { freePorts } from '../services/ports.ts';
import { Service } from '../services/service.ts';
import type { CloudFile, Login } from './cloud-file.ts';
import { ownFolder, systemUser } from './users.ts';

const MANAGE = '/usr/share/openstack-dashboard/manage.py';
const ANSWER_MS = 120_000;

export class Horizon {
  readonly url: string;
  private readonly service: Service;
  private readonly dir: string;

  private constructor(url: string, service: Service, dir: string) {
    this.url = url;
    this.service = service;
    this.dir = dir;
  }

  /**
   * @param settings - more of Horizon's settings, as Python has them
   * @param customization - a file that becomes Horizon's customization module
   */
  static async start(
    { authUrl }: Pick<CloudFile, 'authUrl'>,
    settings: Readonly<Record<string, string>>,
    customization: string,
  ): Promise<Horizon> {
    const [port] = (await freePorts(1)) as [number];
    const url = `http://127.0.0.1:${port}`;
    // As Debian's Apache runs it.
    const user = systemUser('www-data');
    const dir = ownFolder(user, mkdtempSync('/var/tmp/varve-horizon-'));
    // Horizon wants it in a package.
    const ours = ownFolder(user, join(dir, 'site_overrides'));
    writeFileSync(join(ours, '__init__.py'), '');
    copyFileSync(customization, join(ours, 'varve.py'));
    const all = {
      OPENSTACK_KEYSTONE_URL: JSON.stringify(authUrl),
      ALLOWED_HOSTS: '["127.0.0.1"]',
      SESSION_ENGINE: '"django.contrib.sessions.backends.signed_cookies"',
      'HORIZON_CONFIG["customization_module"]': '"site_overrides.varve"',
      ...settings,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}\n`);
    writeFileSync(join(dir, 'site_settings.py'), `from openstack_dashboard.settings import *\n${lines.join('')}`);
    const daemon = new Daemon(user, {
      name: 'horizon',
      argv: ['/usr/bin/python3', MANAGE, 'runserver', '--insecure', '--noreload', `127.0.0.1:${port}`],
      env: { HOME: dir, PYTHONPATH: dir, PYTHONDONTWRITEBYTECODE: '1', DJANGO_SETTINGS_MODULE: 'site_settings' },
      cwd: dir,
      logFile: join(dir, 'horizon.log'),
    });
    const service = new Service('horizon', [daemon], async () => {
      const answer = await fetch(`${url}/auth/login/`, { signal: AbortSignal.timeout(ANSWER_MS) });
      return answer.ok;
    });
    const horizon = new Horizon(url, service, dir);
    try {
      await service.start();
      return horizon;
    } catch (error) {
      await horizon.stop();
      throw error;
    }
  }

  async logIn({ user, password }: Login): Promise<Visitor> {
    const visitor = new Visitor(this.url);
    const form = await visitor.get('/auth/login/');
    const region = /name="region"[^>]*value="([^"]+)"/.exec(form)?.[1] ?? 'default';
    await visitor.post('/auth/login/', { username: user, password, region, next: '/' });
    return visitor;
  }

  async stop(): Promise<void> {
    await this.service.stop();
    rmSync(this.dir, { recursive: true });
  }
}

/** Somebody's browser, as far as Horizon needs one: it keeps cookies. */
class Visitor {
  private readonly url: string;
  private readonly cookies = new Map<string, string>();

  constructor(url: string) {
    this.url = url;
  }

  /** @throws {Error} for everything but 200, for a way to another page as well */
  async get(path: string): Promise<string> {
    const answer = await this.send(path, {});
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${await answer.text()}`);
    return answer.text();
  }

  /** @throws {Error} unless it leads on to another page, as a form does that was accepted */
  async post(path: string, fields: Readonly<Record<string, string>>): Promise<void> {
    const body = new URLSearchParams({ ...fields, csrfmiddlewaretoken: this.cookies.get('csrftoken') ?? '' });
    const answer = await this.send(path, { method: 'POST', body });
    if (answer.status !== 302) throw new Error(`POST ${path}: ${answer.status} ${await answer.text()}`);
  }

  private async send(path: string, init: RequestInit): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(this.url + path, {
      ...init,
      redirect: 'manual',
      headers: { cookie, referer: this.url + path },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    for (const one of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(one) ?? [];
      if (name !== undefined && value !== undefined) this.cookies.set(name, value);
    }
    return answer;
  }
}
