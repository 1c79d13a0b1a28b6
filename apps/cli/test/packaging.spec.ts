import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TokensFile } from '@varve/adapters';
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { ApiEnvironment } from '../../api/src/config.js';
import { ConductorEnvironment, parseConductorConfig } from '../../conductor/src/config.js';
import { parseWorkerConfig, WorkerEnvironment } from '../../worker/src/config.js';
import { parseEnvironmentFile } from '../src/doctor/env-file.js';

// What is installed must speak of the settings that there are.

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const SAMPLES: [string, z.ZodObject][] = [
  ['worker', WorkerEnvironment],
  ['api', ApiEnvironment],
  ['conductor', ConductorEnvironment],
];

/** `#NAME=value` lines of a sample. */
const defaultsIn = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/^#([A-Z_0-9]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));

it.each(SAMPLES)('the sample for %s names every setting once, with its default', (app, schema) => {
  const text = read(`packaging/env/${app}.env`);
  const set = parseEnvironmentFile(text);
  const defaults = defaultsIn(text);
  expect([...Object.keys(set), ...Object.keys(defaults)].sort()).toEqual(Object.keys(schema.shape).sort());

  const parsed: Record<string, unknown> = schema.parse(set);
  const examples = ['VARVE_S3_ENDPOINT', 'VARVE_S3_BUCKET'];
  const shown = Object.entries(defaults).filter(([name, value]) => value !== '' && !examples.includes(name));
  expect(shown.map(([name]) => [name, String(parsed[name])])).toEqual(shown);
});

it('the samples are accepted as they are', () => {
  expect(parseWorkerConfig(parseEnvironmentFile(read('packaging/env/worker.env')))).toMatchObject({ transfers: 2 });
  expect(parseConductorConfig(parseEnvironmentFile(read('packaging/env/conductor.env')))).toMatchObject({
    store: { kind: 'filesystem' },
  });
  expect(ApiEnvironment.parse(parseEnvironmentFile(read('packaging/env/api.env')))).toMatchObject({
    VARVE_HTTP_PORT: 8780,
  });
  expect(TokensFile.parse(JSON.parse(read('packaging/compose/tokens.sample.json'))).tokens).toHaveLength(2);
});

it('compose sets only what there is to set', () => {
  const known = new Set(SAMPLES.flatMap(([, schema]) => Object.keys(schema.shape)));
  const used = [...read('docker-compose.yml').matchAll(/^ +(VARVE_\w+):/gm)].map(([, name]) => name ?? '');
  expect(used.length).toBeGreaterThan(10);
  expect(used.filter((name) => !known.has(name))).toEqual([]);
  const asked = [...read('docker-compose.yml').matchAll(/\$\{(\w+)/g)].map(([, name]) => name);
  const offered = Object.keys(parseEnvironmentFile(read('packaging/compose/env.sample')));
  expect(offered.filter((name) => !asked.includes(name))).toEqual([]);
});

it('the units start what the build makes', () => {
  for (const app of ['worker', 'api', 'conductor']) {
    const unit = read(`packaging/systemd/varve-${app}.service`);
    expect(unit).toContain(`dist/apps/${app}/main.js`);
    expect(unit).toContain(`EnvironmentFile=/etc/varve/${app}.env`);
  }
});
