import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';

const { compilerOptions } = JSON.parse(readFileSync(new URL('../../tsconfig.json', import.meta.url), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};

/** Beside each file of some size, the same as it goes over the wire: packed once here and not at each request. */
const packed: Plugin = {
  name: 'packed',
  apply: 'build',
  writeBundle: ({ dir = '' }, bundle) => {
    for (const fileName of Object.keys(bundle).filter((name) => name.startsWith('assets/'))) {
      const file = join(dir, fileName);
      const content = readFileSync(file);
      if (content.length < 1024) continue;
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
      writeFileSync(`${file}.br`, brotliCompressSync(content, { params }));
    }
  },
};

/** Built into one folder that the API serves as it is; `VARVE_URL` names an API for `vite`, which then passes `/v1` on. */
export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  plugins: [react(), packed],
  resolve: {
    alias: Object.entries(compilerOptions.paths).map(([name, [file]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: new URL(`../../${file}`, import.meta.url).pathname,
    })),
  },
  build: {
    outDir: '../../dist/apps/dashboard',
    emptyOutDir: true,
    target: 'es2023',
    // What all pages share of antd is large whatever we do; the rest comes with the page that needs it.
    chunkSizeWarningLimit: 700,
    rollupOptions: {
      output: {
        // What rarely changes stays in the browser's cache when a page does.
        manualChunks: (id) => {
          if (/node_modules\/(react|react-dom|scheduler|react-router)\//.test(id)) return 'react';
          return undefined;
        },
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(
      ['/v1', '/docs', '/openapi.json'].map((path) => [path, process.env['VARVE_URL'] ?? 'http://127.0.0.1:8780']),
    ),
  },
});
