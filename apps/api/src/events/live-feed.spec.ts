import type { Catalog } from '@varve/catalog';
import { Subject } from 'rxjs';
import { expect, it, vi } from 'vitest';
import { Metrics } from '../system/metrics.js';
import type { Changes } from './changes.js';
import { LiveFeed } from './live-feed.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

it('looks at what changed once, however many watch, and not at all while nobody does', async () => {
  const looked: string[][] = [];
  const tx = {
    instances: {
      byIds: (ids: string[]) => {
        looked.push(ids);
        return Promise.resolve(ids.map((id) => ({ id, projectId: id.slice(0, 3), chain: null })));
      },
    },
    chains: { factsOfAll: () => Promise.resolve(new Map()) },
  };
  const catalog = { read: (work: (of: typeof tx) => unknown) => Promise.resolve(work(tx)) } as unknown as Catalog;
  const instances = new Subject<string>();
  const changes = { operations: new Subject(), instances, missed: new Subject() } as unknown as Changes;
  const feed = new LiveFeed(catalog, changes, new Metrics(), silent);
  feed.onApplicationBootstrap();

  instances.next('red-1');
  expect(looked).toEqual([]);

  const heard: string[][] = [];
  const watches = Array.from({ length: 50 }, (_, n) => {
    const own: string[] = [];
    heard.push(own);
    const project = n === 0 ? null : n % 2 === 0 ? 'red' : 'blu';
    return feed.watch({ project: project as never, instance: undefined }).subscribe(({ type, data }) => {
      own.push(type === 'ready' ? 'ready' : (data as { id: string }).id);
    });
  });
  instances.next('red-1');
  for (let n = 0; n < 100; n++) instances.next('blu-1');
  await vi.waitFor(() => expect(heard[0]).toEqual(['ready', 'red-1', 'blu-1']));
  expect(looked).toEqual([['red-1'], ['blu-1']]);
  for (const [n, own] of heard.entries()) {
    if (n > 0) expect(own).toEqual(['ready', n % 2 === 0 ? 'red-1' : 'blu-1']);
  }
  for (const watch of watches) watch.unsubscribe();
  feed.onApplicationShutdown();
});
