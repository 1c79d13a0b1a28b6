// Lets a bare Node run our TypeScript sources, for tests that have to kill a process which uses them:
//
//   node --experimental-transform-types --import <this file> -e "…"
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../../../', import.meta.url);
const { compilerOptions } = JSON.parse(readFileSync(new URL('tsconfig.json', root), 'utf8'));

registerHooks({
  resolve(specifier, context, nextResolve) {
    const alias = compilerOptions.paths[specifier];
    if (alias) return nextResolve(new URL(alias[0], root).href, context);
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(fileURLToPath(source))) return nextResolve(source.href, context);
    }
    return nextResolve(specifier, context);
  },
});
