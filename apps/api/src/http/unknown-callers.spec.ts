import type { AuditEntry, AuditRepository, Catalog } from '@varve/catalog';
import type { ProjectId } from '@varve/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { UnknownCallers } from './unknown-callers.js';

const nothing = (): void => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const entry: AuditEntry = {
  userId: '-',
  projectId: '-' as ProjectId,
  action: 'instances:list',
  target: '/v1/instances',
  requestId: 'r1',
  outcome: 'denied',
  code: 'unauthorized',
};

let lines: { client: string | undefined; times: number }[];
let callers: UnknownCallers;
beforeEach(() => {
  lines = [];
  const audit: Pick<AuditRepository, 'add' | 'again'> = {
    add: ({ client }) => Promise.resolve(String(lines.push({ client, times: 1 }) - 1)),
    again: (id, times) => {
      const line = lines[Number(id)];
      if (line) line.times += times;
      return Promise.resolve();
    },
  };
  const catalog = { read: (work: (tx: { audit: typeof audit }) => Promise<unknown>) => work({ audit }) };
  callers = new UnknownCallers(catalog as unknown as Catalog, silent);
});

describe('what nobody asks', () => {
  it('is a line for each address and minute, with how many', async () => {
    for (let n = 0; n < 500; n++) await callers.note(entry, n % 2 ? '10.0.0.1' : '10.0.0.2', n);
    await callers.note(entry, '10.0.0.1', 60_002);
    await callers.beforeApplicationShutdown();
    expect(lines).toEqual([
      { client: '10.0.0.2', times: 250 },
      { client: '10.0.0.1', times: 250 },
      { client: '10.0.0.1', times: 1 },
    ]);
  });

  it('is told apart by its reason', async () => {
    await callers.note(entry, '10.0.0.1', 0);
    await callers.note({ ...entry, code: 'other' }, '10.0.0.1', 0);
    expect(lines).toHaveLength(2);
  });

  it('from more addresses than that is one line for all the others', async () => {
    for (let n = 0; n < 5_000; n++) await callers.note(entry, `10.0.${n >> 8}.${n & 255}`, 0);
    await callers.beforeApplicationShutdown();
    expect(lines).toHaveLength(1_001);
    expect(lines.at(-1)).toEqual({ client: 'others', times: 4_000 });
    // And a minute later there is room again.
    await callers.note(entry, '10.1.0.1', 60_000);
    expect(lines.at(-1)).toEqual({ client: '10.1.0.1', times: 1 });
  });

  it('at the same moment is one line too', async () => {
    await Promise.all(Array.from({ length: 50 }, () => callers.note(entry, '10.0.0.1', 0)));
    await callers.beforeApplicationShutdown();
    expect(lines).toEqual([{ client: '10.0.0.1', times: 50 }]);
  });
});
