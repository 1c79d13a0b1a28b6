import { ServiceUnavailableError, TokenNotScopedError } from '@varve/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KeystoneSession } from '../../openstack/index.js';
import { StubCloud } from '../../openstack/testing/stub-cloud.js';
import { KeystoneIdentity } from './keystone-identity.js';

const CACHE_MS = 30_000;
const PROJECT = 'ce852614c1f94f3ab43f3b7d1e1f5a11';
let cloud: StubCloud;
let now: number;
let identity: KeystoneIdentity;

const token = (more: object = {}) => ({
  methods: ['password'],
  user: { id: 'b74af211', name: 'demo', domain: { id: 'default', name: 'Default' } },
  expires_at: new Date(now + 3_600_000).toISOString(),
  project: { id: PROJECT, name: 'demo', domain: { id: 'default', name: 'Default' } },
  roles: [
    { id: '1', name: 'reader' },
    { id: '2', name: 'member' },
  ],
  ...more,
});
const validations = () => cloud.asked.filter(({ method }) => method === 'GET').length;

beforeEach(async () => {
  now = Date.now();
  cloud = await StubCloud.start();
  identity = new KeystoneIdentity({ session: new KeystoneSession(cloud.config), cacheMs: CACHE_MS, now: () => now });
  cloud.tokens.set('good', token());
});
afterEach(() => cloud.close());

describe('a token of Keystone', () => {
  it('stands for a user, a project and its roles there', async () => {
    expect(await identity.authenticate('good')).toEqual({
      userId: 'b74af211',
      projectId: PROJECT,
      roles: ['reader', 'member'],
      expiresAt: new Date(now + 3_600_000),
    });
  });

  it.each(['unknown', '', 'with space', 'line\r\nx-subject-token: good', 'ä', 'x'.repeat(5_000)])(
    'is none: %j',
    async (text) => {
      expect(await identity.authenticate(text)).toBeNull();
    },
  );

  it('is asked about once while it is remembered, however many come with it', async () => {
    await Promise.all([identity.authenticate('good'), identity.authenticate('good')]);
    await identity.authenticate('good');
    expect(validations()).toBe(1);
  });

  it('no longer counts when it was revoked, after the stated time and not a millisecond longer', async () => {
    await identity.authenticate('good');
    cloud.tokens.delete('good');
    now += CACHE_MS - 1;
    expect(await identity.authenticate('good')).not.toBeNull();
    now += 1;
    expect(await identity.authenticate('good')).toBeNull();
  });

  it('no longer counts once it has expired, remembered or not', async () => {
    cloud.tokens.set('short', token({ expires_at: new Date(now + 5_000).toISOString() }));
    await identity.authenticate('short');
    cloud.tokens.delete('short');
    now += 5_000;
    expect(await identity.authenticate('short')).toBeNull();
  });

  it('loses a role within the same time', async () => {
    await identity.authenticate('good');
    cloud.tokens.set('good', token({ roles: [{ id: '1', name: 'reader' }] }));
    now += CACHE_MS;
    expect(await identity.authenticate('good')).toMatchObject({ roles: ['reader'] });
  });

  it.each([
    ['nothing', { project: undefined, roles: undefined }],
    ['a domain', { project: undefined, domain: { id: 'default' } }],
    ['the system', { project: undefined, system: { all: true } }],
  ])('is refused when it is for %s', async (_, scope) => {
    cloud.tokens.set('wide', token(scope));
    await expect(identity.authenticate('wide')).rejects.toBeInstanceOf(TokenNotScopedError);
    await expect(identity.authenticate('wide')).rejects.toBeInstanceOf(TokenNotScopedError);
    expect(validations()).toBe(1);
  });

  it('is not asked about again at once when it was no good, and does not push out the good ones', async () => {
    await identity.authenticate('good');
    for (let i = 0; i < 3; i++) await identity.authenticate('guess');
    expect(validations()).toBe(2);
  });

  it('is neither good nor bad while Keystone is away: nothing is remembered of that', async () => {
    const away = new KeystoneIdentity({
      session: new KeystoneSession({ ...cloud.config, url: 'http://127.0.0.1:1/v3' }),
      cacheMs: CACHE_MS,
    });
    await expect(away.authenticate('good')).rejects.toBeInstanceOf(ServiceUnavailableError);
    expect(await identity.authenticate('good')).not.toBeNull();
  });

  it('is good for as long as it is remembered while Keystone is away', async () => {
    await identity.authenticate('good');
    await cloud.close();
    expect(await identity.authenticate('good')).not.toBeNull();
    now += CACHE_MS;
    await expect(identity.authenticate('good')).rejects.toBeInstanceOf(ServiceUnavailableError);
    cloud = await StubCloud.start();
  });
});
