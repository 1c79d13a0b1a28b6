import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { instanceOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { buildCommand, ROOT, VARVE } from './built.js';
import { runCli } from './run-cli.js';

// The script in a real bash, which asks the real command.

let api: TestApi;
beforeAll(async () => {
  await buildCommand();
  api = await TestApi.start();
  api.instances.push(instanceOf('a name with spaces'));
});
afterAll(() => api.close());

/** What bash would offer at the end of the line. */
async function offered(line: string): Promise<string[]> {
  const script = `
    source <(varve completion bash) || exit 9
    complete -p varve >/dev/null || exit 8
    read -r -a COMP_WORDS <<<"$LINE"
    [[ $LINE == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _varve
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '--noprofile', '-c', script], {
    cwd: ROOT,
    env: {
      PATH: `${dirname(VARVE)}:${process.env['PATH']}`,
      VARVE_URL: api.url,
      VARVE_TOKEN: api.token,
      LINE: line,
    },
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

it.each([
  ['varve sn', ['snapshot']],
  ['varve --json --url http://x snapshot cr', ['create']],
  ['varve snapshot create --quiesce ', ['none', 'try', 'require']],
  ['varve snapshot create --qu', ['--quiesce']],
  ['varve snapshot create --name ', []],
  ['varve operation list --state ', ['queued', 'running', 'succeeded', 'failed', 'cancelled']],
  ['varve rollback --to x --y', ['--yes']],
  ['varve rollback und', ['undo']],
  ['varve doctor --settings package-l', ['package-lock.json']],
])('%s: these alone', async (line, expected) => {
  expect(await offered(line)).toEqual(expected);
});

it.each([
  ['varve ', ['instance', 'snapshot', 'doctor', '--url']],
  ['varve snapshot ', ['create', 'list', 'show', 'delete', '--json']],
  ['varve snapshot create web-1 --', ['--name', '--no-wait', '--url', '--json']],
  ['varve completion ', ['bash']],
])('%s: these and others', async (line, expected) => {
  expect(await offered(line)).toEqual(expect.arrayContaining(expected));
});

it('does not offer the options of the command above', async () => {
  expect(await offered('varve rollback undo x --')).not.toContain('--at');
});

it('offers instances by name, or by uuid where the name is not one word', async () => {
  const nameless = api.instances.find(({ name }) => name.includes(' '))?.id ?? '';
  expect(await offered('varve snapshot create we')).toEqual(['web-1']);
  expect(await offered('varve operation list --instance ')).toEqual(['web-1', 'db-1', nameless]);
  expect(await offered('varve rollback ')).toEqual(expect.arrayContaining(['web-1', 'db-1', nameless, 'undo']));
  expect(await offered('varve snapshot create web-1 d')).toEqual([]);
});

it('offers nothing, and says nothing, when the API is away', async () => {
  expect(await offered('varve --url http://127.0.0.1:1 instance show ')).not.toContain('web-1');
});

it('is what is packaged', async () => {
  const { out } = await runCli(['completion', 'bash']);
  expect(await readFile(join(ROOT, 'packaging/bash-completion/varve'), 'utf8')).toBe(out);
});
