import { describe, expect, it } from 'vitest';
import { parseConductorConfig } from './config.js';

const needed = {
  VARVE_DATABASE_URL: 'postgresql://u:p@h:1/d',
  VARVE_AMQP_URL: 'amqp://u:p@h:2/',
  VARVE_STORE_PATH: '/srv/varve',
};
const s3 = {
  ...needed,
  VARVE_STORE: 's3',
  VARVE_S3_ENDPOINT: 'https://rgw:8080',
  VARVE_S3_BUCKET: 'varve',
  VARVE_S3_ACCESS_KEY: 'a',
  VARVE_S3_SECRET_KEY: 's',
};

describe('the settings of the conductor', () => {
  it('take the file system as the store unless told otherwise', () => {
    expect(parseConductorConfig(needed)).toMatchObject({
      http: { host: '127.0.0.1', port: 8781 },
      hostGoneAfterS: 900,
      store: { kind: 'filesystem', root: '/srv/varve', mountRequired: false },
    });
    expect(parseConductorConfig(s3).store).toMatchObject({ kind: 's3', bucket: 'varve', deadlineMs: 30_000 });
  });

  it.each([
    [needed, 'VARVE_AMQP_URL', 'http://x'],
    [needed, 'VARVE_HOST_GONE_AFTER_S', '-1'],
    [needed, 'VARVE_STORE', 'tape'],
    [needed, 'VARVE_STORE_PATH', undefined],
    [s3, 'VARVE_S3_BUCKET', undefined],
    [s3, 'VARVE_S3_ENDPOINT', 'rgw'],
  ])('are refused with the name of the one that is wrong: %#', (good, name, value) => {
    expect(() => parseConductorConfig({ ...good, [name]: value })).toThrow(name);
  });
});
