import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { migrations } from './index.js';

it('lists every migration of the folder, oldest first, under the name that its file has', () => {
  const files = readdirSync(new URL('.', import.meta.url)).filter((name) => /^\d+-.*\.ts$/.test(name));

  const inFolder = files.sort().map((file) => {
    const [time = '', ...words] = file.replace(/\.ts$/, '').split('-');
    return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('') + time;
  });

  expect(migrations.map((migration) => migration.name)).toEqual(inFolder);
});
