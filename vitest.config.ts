import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './testbed/longest-first.ts';

const { compilerOptions } = JSON.parse(readFileSync(new URL('./tsconfig.json', import.meta.url), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};

// The specs lie outside every tsconfig "include", so that vitest finds neither the decorators' options nor the aliases by itself.
const shared = {
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: Object.entries(compilerOptions.paths).map(([name, [file]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: new URL(file, import.meta.url).pathname,
    })),
  },
};

const tests = {
  // What is said at the end of a run has no room for differences: the sentence must hold what was there.
  chaiConfig: { truncateThreshold: 1_000 },
  // By itself a second; a busy machine is no failure.
  expect: { poll: { timeout: 60_000 } },
};

export default defineConfig({
  ...shared,
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      // Rules and procedures on fakes: seconds.
      {
        ...shared,
        test: {
          ...tests,
          name: 'unit',
          include: ['{apps,libs,migrations,scripts,testbed}/**/*.spec.ts'],
          exclude: ['**/*.{real,e2e,dashboard,openstack}.spec.ts', '**/node_modules/**'],
          // A busy machine is no failure.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // By itself it leaves one core idle: of two, half the time.
          maxWorkers: '100%',
        },
      },
      // Adapters against the real thing: QEMU, PostgreSQL, RabbitMQ, Swift.
      {
        ...shared,
        test: {
          ...tests,
          name: 'real',
          globalSetup: 'testbed/services/vitest-global-setup.ts',
          include: ['{apps,libs,testbed}/**/*.real.spec.ts'],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // With two, two cores were idle for 45 % of the time: services start, deadlines pass.
          maxWorkers: 3,
        },
      },
      // The whole product with a writing guest. Two files at a time: most of what they do is wait.
      {
        ...shared,
        test: {
          ...tests,
          name: 'e2e',
          globalSetup: 'testbed/services/vitest-global-setup.ts',
          include: ['apps/**/*.e2e.spec.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          maxWorkers: 2,
        },
      },
      // The dashboard in a real browser, on the whole product.
      {
        ...shared,
        test: {
          ...tests,
          name: 'dashboard',
          globalSetup: 'testbed/services/vitest-global-setup.ts',
          include: ['apps/{api,dashboard}/test/**/*.dashboard.spec.ts'],
          testTimeout: 240_000,
          hookTimeout: 240_000,
          maxWorkers: 2,
        },
      },
      // Beside a real OpenStack: the running one, or one that is brought up for it. One file at a time on one host.
      {
        ...shared,
        test: {
          ...tests,
          name: 'openstack',
          globalSetup: ['testbed/services/vitest-global-setup.ts', 'testbed/openstack/vitest-global-setup.ts'],
          include: ['{apps,libs,testbed}/**/*.openstack.spec.ts'],
          // A busy machine is no failure: what a test waits for has deadlines of its own.
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
