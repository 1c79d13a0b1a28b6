import { expect, it } from 'vitest';
import { parseWorkerConfig, WorkerEnvironment } from './config.js';
import { HIDDEN, SHOWN } from './public-settings.js';

const environment = {
  VARVE_HOST: 'compute-1',
  VARVE_INSTANCES_DIR: '/var/lib/nova/instances',
  VARVE_COMPUTE: 'nova',
  VARVE_KEYSTONE_URL: 'https://keystone:a-secret@cloud.example.org/v3',
  VARVE_KEYSTONE_USERNAME: 'a-secret-user',
  VARVE_KEYSTONE_PASSWORD: 'a-secret-password',
  VARVE_AMQP_URL: 'amqp://varve:a-secret@broker.example.org/varve',
  VARVE_STORE: 's3',
  VARVE_S3_ENDPOINT: 'https://key:a-secret@store.example.org',
  VARVE_S3_BUCKET: 'varve',
  VARVE_S3_ACCESS_KEY: 'a-secret-key-id',
  VARVE_S3_SECRET_KEY: 'a-secret-key',
};

it('shows what the worker goes by, defaults and all, and nothing secret', () => {
  const { settings } = parseWorkerConfig(environment);
  expect(settings).toMatchObject({
    VARVE_HOST: 'compute-1',
    VARVE_S3_BUCKET: 'varve',
    VARVE_TRANSFERS: '2',
    VARVE_STORE_MOUNT_REQUIRED: 'false',
  });
  expect(settings).not.toHaveProperty('VARVE_STORE_PATH');
  expect(JSON.stringify(settings)).not.toContain('secret');
});

it('has it decided of each setting whether it is shown', () => {
  expect([...SHOWN, ...HIDDEN].sort()).toEqual(Object.keys(WorkerEnvironment.shape).sort());
});
