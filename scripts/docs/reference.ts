import { PassThrough } from 'node:stream';
import { fromSource } from './sources.ts';

interface Sources {
  programOf(cli: object): unknown;
  markdownOf(program: unknown): string;
}

/** The command's own words about itself. */
export async function referenceAsMarkdown(): Promise<string> {
  const { programOf, markdownOf } = await fromSource<Sources>('apps/cli/src/manual/index.ts');
  const terminal = { out: new PassThrough(), err: new PassThrough(), in: new PassThrough() };
  return markdownOf(programOf({ terminal, env: {}, signal: new AbortController().signal }));
}
