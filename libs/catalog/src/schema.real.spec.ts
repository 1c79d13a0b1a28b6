import { migrations } from '@varve/migrations';
import { DataSource } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { freshDatabase } from '../../../testbed/services/shared.ts';
import { Catalog } from './catalog.js';
import { dataSourceOptions } from './data-source-options.js';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const open: DataSource[] = [];

async function emptyDatabase(): Promise<DataSource> {
  const url = await freshDatabase();
  const source = await new DataSource(dataSourceOptions({ url, applicationName: 'spec' }, migrations)).initialize();
  open.push(source);
  return source;
}

afterEach(async () => {
  for (const source of open.splice(0)) await source.destroy();
});

const relations = async (source: DataSource): Promise<string[]> => {
  const rows: { name: string }[] = await source.query(
    `select relname as name from pg_class c join pg_namespace n on n.oid = relnamespace
     where nspname = 'public' and relname not like 'migrations%' and relname not like 'PK_%'
     union all select proname from pg_proc p join pg_namespace n on n.oid = pronamespace where nspname = 'public'
     order by name`,
  );
  return rows.map(({ name }) => name);
};

describe('the migrations', () => {
  it('make exactly the schema that the entities describe', async () => {
    const source = await emptyDatabase();
    await source.runMigrations({ transaction: 'each' });

    const { upQueries } = await source.driver.createSchemaBuilder().log();

    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('can be taken back, one by one, until nothing is left, and made again', async () => {
    const source = await emptyDatabase();
    const made = await source.runMigrations({ transaction: 'each' });
    const full = await relations(source);

    for (let i = 0; i < made.length; i++) await source.undoLastMigration({ transaction: 'each' });
    expect(await relations(source)).toEqual([]);

    await source.runMigrations({ transaction: 'each' });
    expect(await relations(source)).toEqual(full);
  });

  it('are made once when six processes start on an empty database at the same moment', async () => {
    const url = await freshDatabase();
    const catalogs = Array.from({ length: 6 }, () => new Catalog({ url, applicationName: 'spec' }, migrations, silent));
    try {
      await Promise.all(catalogs.map((catalog) => catalog.open()));
      const rows = await catalogs[0]!.read((tx) => tx.query('select name from migrations'));
      expect(rows).toHaveLength(migrations.length);
    } finally {
      await Promise.all(catalogs.map((catalog) => catalog.close()));
    }
  });
});
