import { createObjectStore } from '@varve/adapters';
import { ServiceError } from '@varve/core';
import type { Check } from '../finding.js';
import { fail, messageOf, ok, skip } from '../finding.js';

export const store: Check = {
  name: 'object store',
  async run({ store: config }) {
    if (config === null) return [skip('object store', 'it is not configured')];
    const where = config.kind === 's3' ? `${config.endpoint}, bucket ${config.bucket}` : config.root;
    const objects = createObjectStore(config.kind === 's3' ? { ...config, deadlineMs: 5_000, attempts: 1 } : config);
    try {
      const began = performance.now();
      await objects.probe();
      return [ok('object store', `${where} answers in ${Math.round(performance.now() - began)} ms`)];
    } catch (error) {
      const passing = error instanceof ServiceError && error.remedy === 'retry';
      const advice = passing
        ? 'It is away or too slow. Guests don’t notice; snapshots are caught up on when it is back.'
        : 'It does not take us: check bucket (it has to be there), region, keys, and the clock below.';
      return [fail('object store', { found: `${where}: ${messageOf(error)}`, advice })];
    }
  },
};
