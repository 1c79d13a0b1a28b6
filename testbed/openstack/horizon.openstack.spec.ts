// The documentation's customization of Horizon, as it is there, in Debian's Horizon on this cloud.
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCloud, type Cloud } from './index.ts';
import { Horizon } from './horizon.ts';

const CUSTOMIZATION = resolve(import.meta.dirname, '../../docs/programs/horizon.py');
const VARVE_URL = 'https://varve.example';

let cloud: Cloud;
let horizon: Horizon;
let id: string;

beforeAll(async () => {
  cloud = await openCloud();
  horizon = await Horizon.start(cloud.file, { VARVE_URL: JSON.stringify(VARVE_URL) }, CUSTOMIZATION);
  ({ id } = await cloud.boot());
});
afterAll(async () => {
  await horizon?.stop();
  await cloud?.close();
});

describe('an instance in Horizon', () => {
  it.each<[string, 'demo' | 'admin', () => string]>([
    ['the list', 'demo', () => '/project/instances/'],
    ['its own page', 'demo', () => `/project/instances/${id}/`],
    [
      'its row, when that is refreshed',
      'demo',
      () => `/project/instances/?action=row_update&table=instances&obj_id=${id}`,
    ],
    ["the administrator's list", 'admin', () => '/admin/instances/'],
    ['its page for the administrator', 'admin', () => `/admin/instances/${id}/detail`],
  ])('leads to its snapshots from %s, beside all that it could do before', async (_from, who, path) => {
    const visitor = await horizon.logIn(cloud.file.logins[who]);
    const html = await visitor.get(path());
    const link = /<a [^>]*__action_varve"[^>]*>\s*([^<]*?)\s*</.exec(html);
    expect(link?.[0]).toContain(`href="${VARVE_URL}/instances/${id}"`);
    expect(link?.[1]).toBe('Snapshots and rollback');
    expect(html).toContain(`instances__row_${id}__action_delete`);
  });
});
