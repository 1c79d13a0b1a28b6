// What is chosen once for a state folder and then kept: Keystone's catalogue and the databases hold these.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, isPortFree } from '../services/ports.ts';

const PORTS = ['keystone', 'glance', 'placement', 'nova', 'neutron', 'amqp', 'dist', 'epmd', 'management'] as const;
const PASSWORDS = ['database', 'service', 'admin', 'demo', 'reader', 'stranger', 'varve'] as const;

export interface Settings {
  /** Sets this cloud's names apart from another's on the same libvirt. */
  readonly id: string;
  readonly ports: Readonly<Record<(typeof PORTS)[number], number>>;
  readonly passwords: Readonly<Record<(typeof PASSWORDS)[number], string>>;
}

/** @throws {Error} when somebody else listens on one of the ports now */
export async function loadSettings(dir: string): Promise<Settings> {
  const file = join(dir, 'settings.json');
  if (existsSync(file)) {
    const settings = JSON.parse(readFileSync(file, 'utf8')) as Settings;
    for (const [name, port] of Object.entries(settings.ports)) {
      if (!(await isPortFree(port)))
        throw new Error(`port ${port}, where this cloud has its ${name}, is taken: free it, or down --purge and up`);
    }
    return settings;
  }
  mkdirSync(dir, { recursive: true });
  const ports = await freePorts(PORTS.length);
  const settings = {
    id: randomBytes(2).toString('hex'),
    ports: Object.fromEntries(PORTS.map((name, i) => [name, ports[i]])),
    passwords: Object.fromEntries(PASSWORDS.map((name) => [name, randomBytes(12).toString('hex')])),
  } as Settings;
  writeFileSync(file, JSON.stringify(settings, null, 2), { mode: 0o600 });
  return settings;
}
