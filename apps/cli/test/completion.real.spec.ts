import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { instanceOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { buildCommand, ROOT, VARVE } from './built.js';
import { runCli } from './run-cli.js';

// The scripts in the real shells, which ask the real command.

let api: TestApi;
let folder: string;
beforeAll(async () => {
  await buildCommand();
  folder = await mkdtemp(join(tmpdir(), 'varve-completion-'));
  api = await TestApi.start();
  api.instances.push(instanceOf('a name with spaces'));
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

const SHELLS: Readonly<Record<string, (line: string) => [command: string, ...args: string[]]>> = {
  bash: () => [
    'bash',
    '--norc',
    '--noprofile',
    '-c',
    `source <(varve completion bash) || exit 9
    complete -p varve >/dev/null || exit 8
    read -r -a COMP_WORDS <<<"$LINE"
    [[ $LINE == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _varve
    printf '%s\\n' "\${COMPREPLY[@]}"`,
  ],
  // Completes only in a terminal, which its own module for that makes; `compadd` is what takes up each offer.
  zsh: () => [
    'zsh',
    '-f',
    '-c',
    String.raw`zmodload zsh/zpty
    cat >$FOLDER/zshrc.$$ <<'END'
      PS1=
      autoload -Uz compinit; compinit -D -u
      source <(varve completion zsh)
      compadd() {
        if [[ $@[1,(i)(-|--)] != *-(O|A|D)\ * ]]; then
          local -a hits; builtin compadd -O hits "$@"; print -rl -- $hits >>$OFFERED
        fi
        builtin compadd "$@"
      }
      probe() { BUFFER=$LINE; CURSOR=$#BUFFER; zle complete-word; exit }
      zle -N probe; zle-line-init() { zle probe }; zle -N zle-line-init
END
    export OFFERED=$FOLDER/offered.$$
    : >$OFFERED
    zpty shell "ZDOTDIR=/nonexistent zsh -f -i; true"
    zpty -w shell "source $FOLDER/zshrc.$$"
    while zpty -r shell answer; do :; done
    cat $OFFERED`,
  ],
  fish: () => [
    'fish',
    '--no-config',
    '-c',
    String.raw`varve completion fish | source; or exit 9
    complete -C "$LINE" | string replace -r '\t.*' ''; true`,
  ],
};

/** What the shell would offer at the end of the line. */
async function offered(shell: string, line: string): Promise<string[]> {
  const [command, ...args] = SHELLS[shell]?.(line) ?? ['false'];
  const { stdout, stderr } = await promisify(execFile)(command, args, {
    cwd: ROOT,
    timeout: 60_000,
    env: {
      PATH: `${dirname(VARVE)}:${process.env['PATH']}`,
      HOME: folder,
      TERM: 'xterm',
      FOLDER: folder,
      VARVE_URL: api.url,
      VARVE_TOKEN: api.token,
      LINE: line,
    },
  });
  expect(stderr).toBe('');
  return [...new Set(stdout.split('\n').filter((word) => word !== ''))].sort();
}

describe.each(Object.keys(SHELLS))('%s', (shell) => {
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
    expect(await offered(shell, line)).toEqual(expected.toSorted());
  });

  it.each([
    ['varve ', ['instance', 'snapshot', 'doctor']],
    ['varve --u', ['--url']],
    ['varve snapshot ', ['create', 'list', 'show', 'delete']],
    ['varve snapshot create web-1 --', ['--name', '--no-wait', '--url', '--json']],
    ['varve completion ', ['bash', 'zsh', 'fish']],
  ])('%s: these and others', async (line, expected) => {
    expect(await offered(shell, line)).toEqual(expect.arrayContaining(expected));
  });

  it('does not offer the options of the command above', async () => {
    expect(await offered(shell, 'varve rollback undo x --')).not.toContain('--at');
  });

  it('offers instances by name, or by uuid where the name is not one word', async () => {
    const nameless = api.instances.find(({ name }) => name.includes(' '))?.id ?? '';
    const all = ['web-1', 'db-1', nameless].sort();
    expect(await offered(shell, 'varve snapshot create we')).toEqual(['web-1']);
    expect(await offered(shell, 'varve operation list --instance ')).toEqual(all);
    expect(await offered(shell, 'varve rollback ')).toEqual(expect.arrayContaining([...all, 'undo']));
    expect(await offered(shell, 'varve snapshot create web-1 d')).toEqual([]);
  });

  it('asks the API that the line names, and says nothing when that is away', async () => {
    expect(await offered(shell, 'varve --url http://127.0.0.1:1 instance show ')).not.toContain('web-1');
  });
});

it.each([
  ['bash', 'packaging/bash-completion/varve'],
  ['zsh', 'packaging/zsh-completion/_varve'],
  ['fish', 'packaging/fish-completion/varve.fish'],
  ['man', 'packaging/man/varve.1'],
])('%s: what is packaged is this (else: scripts/packaged.sh)', async (shell, file) => {
  const { out } = await runCli(['completion', shell]);
  expect(await readFile(join(ROOT, file), 'utf8')).toBe(out);
});

describe('the manual page', () => {
  const page = join(ROOT, 'packaging/man/varve.1');
  const run = promisify(execFile);

  it('is in order, says mandoc', async () => {
    // `style` would have a version of an operating system.
    const { stdout } = await run('mandoc', ['-T', 'lint', '-W', 'warning', page]);
    expect(stdout).toBe('');
  });

  it('reads well in man, with every command', async () => {
    const { stdout, stderr } = await run('man', ['--warnings', '--no-hyphenation', page], {
      env: { PATH: process.env['PATH'], MANWIDTH: '90', LC_ALL: 'C.UTF-8', MANROFFOPT: '-c' },
    });
    expect(stderr).toBe('');
    for (const [, path] of (await runCli(['completion', 'man'])).out.matchAll(/^\.Ss (.*)$/gm)) {
      expect(stdout).toContain(`varve ${path}`);
    }
    expect(stdout).toMatch(/EXIT STATUS[\s\S]* 6 +The service is not available; try again later\./);
    expect(stdout).toMatch(/--quiesce how/);
  });
});
