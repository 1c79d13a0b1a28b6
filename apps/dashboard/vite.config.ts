import { readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const { compilerOptions } = JSON.parse(readFileSync(new URL('../../tsconfig.json', import.meta.url), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};

/** Built into one folder that the API serves as it is; `VARVE_URL` names an API for `vite`, which then passes `/v1` on. */
export default defineConfig({
  root: new URL('.', import.meta.url).pathname,
  plugins: [react()],
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
    // antd is one large piece whatever we do; the pages are pieces of their own.
    chunkSizeWarningLimit: 1_500,
    rollupOptions: {
      output: {
        // What rarely changes stays in the browser's cache when a page does.
        manualChunks: (id) => {
          if (/node_modules\/(react|react-dom|scheduler|react-router)\//.test(id)) return 'react';
          if (/node_modules\/(antd|@ant-design|@rc-component|rc-[a-z-]+)\//.test(id)) return 'antd';
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
