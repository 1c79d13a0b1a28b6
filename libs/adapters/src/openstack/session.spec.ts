import { ServiceUnavailableError } from '@varve/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keystoneConfigOf, keystoneEnvironment } from './environment.js';
import { z } from 'zod';
import { KeystoneSession } from './session.js';
import { StubCloud } from './testing/stub-cloud.js';

let cloud: StubCloud;
let session: KeystoneSession;
beforeEach(async () => {
  cloud = await StubCloud.start();
  cloud.reply = ({ path }) => ({ status: 200, body: { path } });
  session = new KeystoneSession(cloud.config);
});
afterEach(() => cloud.close());

const servers = () => session.request('compute', '/servers', { microversion: 'compute 2.90' });

describe('our own session with OpenStack', () => {
  it('logs in once for all who ask at once, and asks the endpoint of the catalogue', async () => {
    const answers = await Promise.all([servers(), servers(), servers()]);
    expect(answers.map(({ body }) => body)).toEqual([1, 2, 3].map(() => ({ path: '/v2.1/servers' })));
    expect(cloud.logins).toBe(1);
    expect(cloud.asked.at(-1)?.headers).toMatchObject({
      'openstack-api-version': 'compute 2.90',
      'x-auth-token': 'service-1',
    });
  });

  it('logs in again when its token was revoked, and asks once more', async () => {
    await servers();
    cloud.revokeServiceToken();
    expect((await servers()).status).toBe(200);
    expect(cloud.logins).toBe(1_002);
  });

  it('logs in again before its token ends', async () => {
    cloud.tokenLifeMs = 59_000;
    await servers();
    await servers();
    expect(cloud.logins).toBe(2);
  });

  it('calls a service that takes none of its tokens unavailable, and does not go on asking', async () => {
    cloud.reply = () => ({ status: 401 });
    await expect(servers()).rejects.toBeInstanceOf(ServiceUnavailableError);
    expect(cloud.asked.filter(({ method }) => method === 'GET')).toHaveLength(2);
  });

  it.each([
    ['a wrong password', { password: 'wrong' }],
    ['no such endpoint', { interface: 'internal' as const }],
    ['another region', { region: 'RegionTwo' }],
    ['nobody there', { url: 'http://127.0.0.1:1/v3' }],
  ])('calls it unavailable: %s', async (_, wrong) => {
    session = new KeystoneSession({ ...cloud.config, ...wrong });
    await expect(servers()).rejects.toBeInstanceOf(ServiceUnavailableError);
  });

  it('does not wait for ever', async () => {
    cloud.reply = () => new Promise(() => undefined);
    session = new KeystoneSession({ ...cloud.config, timeoutMs: 200 });
    await expect(servers()).rejects.toBeInstanceOf(ServiceUnavailableError);
  });
});

describe('its settings', () => {
  const parse = (env: Record<string, string | undefined>) => keystoneConfigOf(z.object(keystoneEnvironment).parse(env));
  const needed = {
    VARVE_KEYSTONE_URL: 'http://k:5000/v3/',
    VARVE_KEYSTONE_USERNAME: 'varve',
    VARVE_KEYSTONE_PASSWORD: 'p',
  };

  it('have what a Keystone has by default', () => {
    expect(parse(needed)).toMatchObject({
      url: 'http://k:5000/v3',
      project: 'service',
      interface: 'public',
      region: null,
    });
  });

  it.each([
    ['VARVE_KEYSTONE_URL', 'keystone:5000'],
    ['VARVE_KEYSTONE_USERNAME', undefined],
    ['VARVE_KEYSTONE_PASSWORD', ''],
  ])('are refused by name: %s', (name, value) => {
    expect(() => parse({ ...needed, [name]: value })).toThrow(name);
  });
});
