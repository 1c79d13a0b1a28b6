import { resolve } from 'node:path';

/** Its types would bring a browser's along, which clash with Node's. */
const VITE: string = 'vite';
interface Vite {
  runnerImport(file: string, config: object): Promise<{ module: unknown }>;
}

const ROOT = resolve(import.meta.dirname, '../..');

/** A module of ours as it is in the source: Node alone finds neither its short names nor what ends in `.js`. */
export async function fromSource<Module>(file: string): Promise<Module> {
  const { runnerImport } = (await import(VITE)) as Vite;
  const { module } = await runnerImport(resolve(ROOT, file), {
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    resolve: { tsconfigPaths: true },
  });
  return module as Module;
}
