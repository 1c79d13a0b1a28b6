import { describe, expect, it } from 'vitest';
import { parseApiConfig } from './config.js';

const needed = { VARVE_DATABASE_URL: 'postgres://u:p@h:1/d', VARVE_TOKENS_FILE: '/etc/varve/tokens.json' };

describe('the settings of the API', () => {
  it('are complete with what has no default', () => {
    expect(parseApiConfig(needed)).toEqual({
      databaseUrl: 'postgres://u:p@h:1/d',
      http: { host: '127.0.0.1', port: 8780 },
      identity: { kind: 'static', tokensFile: '/etc/varve/tokens.json' },
      policyFile: undefined,
      hostDownAfterS: 30,
      frameAncestors: "'none'",
      logLevel: 'info',
    });
  });

  it('name Keystone and the policy', () => {
    const env = {
      VARVE_DATABASE_URL: needed.VARVE_DATABASE_URL,
      VARVE_IDENTITY: 'keystone',
      VARVE_KEYSTONE_URL: 'http://k:5000/v3',
      VARVE_KEYSTONE_USERNAME: 'varve',
      VARVE_KEYSTONE_PASSWORD: 'p',
      VARVE_TOKEN_CACHE_S: '5',
      VARVE_POLICY_FILE: '/etc/varve/policy.yaml',
    };
    expect(parseApiConfig(env)).toMatchObject({
      identity: { kind: 'keystone', cacheMs: 5_000, keystone: { url: 'http://k:5000/v3', project: 'service' } },
      policyFile: '/etc/varve/policy.yaml',
    });
    expect(() => parseApiConfig({ ...env, VARVE_KEYSTONE_PASSWORD: undefined })).toThrow('VARVE_KEYSTONE_PASSWORD');
  });

  it.each([
    ['VARVE_TOKENS_FILE', undefined],
    ['VARVE_TOKEN_CACHE_S', '-1'],
    ['VARVE_POLICY_FILE', 'policy.yaml'],
    ['VARVE_DATABASE_URL', undefined],
    ['VARVE_DATABASE_URL', 'mysql://x'],
    ['VARVE_TOKENS_FILE', 'tokens.json'],
    ['VARVE_HTTP_PORT', '70000'],
    ['VARVE_HTTP_PORT', 'http'],
    ['VARVE_HOST_DOWN_AFTER_S', '0'],
    ['VARVE_IDENTITY', 'none'],
    ['VARVE_LOG_LEVEL', 'loud'],
  ])('are refused with the name of the one that is wrong: %s=%s', (name, value) => {
    expect(() => parseApiConfig({ ...needed, [name]: value })).toThrow(name);
  });
});
