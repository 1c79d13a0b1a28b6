import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { availableOf } from '../../../libs/api-client/src/testing/samples.js';
import { TestApi } from '../../../libs/api-client/src/testing/test-api.js';
import { buildCommand, VARVE } from './built.js';

// The command as it is installed, in a real terminal: util-linux's `script` makes one.

let api: TestApi;
beforeAll(buildCommand);
beforeEach(async () => {
  api = await TestApi.start();
});
afterEach(() => api.close());

const env = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  TERM: 'xterm',
  TZ: 'UTC',
  VARVE_URL: api.url,
  VARVE_TOKEN: api.token,
});

interface Talk {
  readonly code: number | null;
  readonly raw: string;
  /** As a person reads it. */
  readonly seen: string;
}

interface Turn {
  /** Once this shows, in all that was ever shown. */
  readonly when: RegExp;
  /** This is typed; `\u0003` is Ctrl-C, `\u0004` the end of the input. */
  readonly text?: string;
  /** This is done. */
  readonly act?: () => void;
}

function inTerminal(command: string, turns: readonly Turn[] = []): Promise<Talk> {
  const child = spawn('script', ['--quiet', '--return', '--command', `stty cols 100; ${command}`, '/dev/null'], {
    env: env(),
  });
  const [...waiting] = turns;
  let raw = '';
  child.stdout.on('data', (bytes: Buffer) => {
    raw += bytes.toString();
    const next = waiting[0];
    if (next?.when.test(stripVTControlCharacters(raw))) {
      waiting.shift();
      if (next.text !== undefined) child.stdin.write(next.text);
      next.act?.();
    }
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, raw, seen: stripVTControlCharacters(raw) }));
  });
}

const SHOW_CURSOR = '\u001B[?25h';

describe('in a terminal', () => {
  it('a password is asked for, and not shown', async () => {
    const home = await mkdtemp(join(tmpdir(), 'varve-login-'));
    try {
      const login = `XDG_CONFIG_HOME=${home} ${VARVE} login --user ann`;
      const { code, seen } = await inTerminal(login, [{ when: /Password: $/, text: `${api.secret}\r` }]);
      expect(code).toBe(0);
      expect(seen).toContain('Logged in as Ann');
      expect(seen).not.toContain(api.secret);
      expect(api.requests('POST', /session/)[0]?.body).toMatchObject({ password: api.secret });
    } finally {
      await rm(home, { recursive: true });
    }
  });

  it('a snapshot shows a bar for each phase, full where the phase is over', async () => {
    // The next is told when the one before was drawn.
    api.stepMs = null;
    const act = (): void => api.step();
    const drawn = [
      /waiting for the host/,
      /capturing/,
      /uploading.* 0%/,
      /uploading.* 50%/,
      /uploading.* 100%/,
      /merging/,
    ];
    const turns = drawn.map((when) => ({ when, act }));
    const { code, raw, seen } = await inTerminal(`${VARVE} snapshot create web-1`, turns);
    expect(code).toBe(0);
    expect(seen).toMatch(/uploading +\[=+\] 100% {2}12\.0 MiB of 12\.0 MiB/);
    expect(seen).toMatch(/uploading +\[=+-+\] {2}50% {2}6\.0 MiB of 12\.0 MiB/);
    expect(seen).toMatch(/capturing/);
    expect(seen).toMatch(/merging layers/);
    expect(seen).toMatch(/is available: 12\.0 MiB changed/);
    expect(raw.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(raw.lastIndexOf('\u001B[?25l'));
  });

  it('no bar, and no escape, where the output goes to a file', async () => {
    api.untilWatched = true;
    const { raw } = await inTerminal(`${VARVE} snapshot create web-1 2>&1 | cat`);
    expect(raw).toMatch(/^uploading 50% \(6\.0 MiB of 12\.0 MiB\)\r\n/m);
    expect(raw).not.toContain('\u001B');
  });

  it('Ctrl-C leaves the operation alone, and the terminal as it was', async () => {
    api.script = [{ state: 'running', phase: 'uploading', doneBytes: 1, totalBytes: 3 }];
    const { code, raw, seen } = await inTerminal(`${VARVE} snapshot create web-1`, [{ when: /33%/, text: '\u0003' }]);
    expect(code).toBe(130);
    expect(seen).toContain('goes on; follow it with: varve operation watch');
    expect(raw.lastIndexOf(SHOW_CURSOR)).toBeGreaterThan(raw.lastIndexOf('\u001B[?25l'));
    expect(api.requests('POST', /cancel/)).toHaveLength(0);
  });

  const rollback = async (text: string): Promise<Talk> => {
    const point = availableOf(api.instances[0]?.id ?? '', '2026-01-01T00:00:00Z', { name: 'before' });
    api.snapshots.push(point);
    return inTerminal(`${VARVE} rollback web-1 --to ${point.uid}`, [{ when: /to go on: $/, text }]);
  };

  it('a rollback asks for the name, and says what it will do', async () => {
    const { code, seen } = await rollback('web-1\n');
    expect(code).toBe(0);
    expect(seen).toMatch(/web-1 \([0-9a-f-]{36}, running on node-1\) goes back to 2026-01-01 00:00:00 \(.+ ago\)/);
    expect(seen).toContain('"before"');
    expect(seen).toMatch(/To take it back: varve rollback undo/);
    expect(api.rollbacks).toHaveLength(1);
  });

  it.each([
    ['another name', 'web-2\n'],
    ['nothing', '\n'],
    ['yes', 'y\n'],
    ['Ctrl-C', '\u0003'],
    ['the end of the input', '\u0004'],
  ])('a rollback is not done on %s', async (_, text) => {
    const { code, seen } = await rollback(text);
    expect(code).toBe(2);
    expect(seen).toContain('Not confirmed; nothing was done');
    expect(api.rollbacks).toHaveLength(0);
  });
});

describe('a screen of its own', () => {
  const [ENTER, LEAVE] = ['\u001B[?1049h', '\u001B[?1049l'];
  const leftAsItWas = (raw: string): boolean =>
    raw.lastIndexOf(LEAVE) > raw.lastIndexOf(ENTER) && raw.lastIndexOf(SHOW_CURSOR) > raw.lastIndexOf('\u001B[?25l');

  it('top shows what runs, live, until q', async () => {
    api.script = [{ state: 'running', phase: 'uploading', doneBytes: 6_291_456, totalBytes: 12_582_912 }];
    api.stepMs = 0;
    await inTerminal(`${VARVE} snapshot create web-1 --no-wait`);
    const { code, raw, seen } = await inTerminal(`${VARVE} top --every 0.2`, [{ when: /50%[\s\S]*50%/, text: 'q' }]);
    expect({ code, restored: leftAsItWas(raw) }).toEqual({ code: 0, restored: true });
    expect(seen).toMatch(/1 running, 0 queued/);
    expect(seen).toMatch(/snapshot +uploading +\[={10}-{10}\] +50% +12\.0 MiB/);
  });

  it('top tells how one ended, and ends at Ctrl-C', async () => {
    api.script = [{ state: 'running', phase: 'uploading' }, { state: 'failed' }];
    api.stepMs = null;
    await inTerminal(`${VARVE} snapshot create web-1 --no-wait`);
    api.step();
    const { code, raw, seen } = await inTerminal(`${VARVE} top --every 0.2`, [
      { when: /uploading/, act: () => api.step() },
      { when: /Ended/, text: '\u0003' },
    ]);
    expect({ code, restored: leftAsItWas(raw) }).toEqual({ code: 0, restored: true });
    expect(seen).toMatch(/Nothing runs\.[\s\S]*Ended[\s\S]*failed {2}snapshot of/);
  });

  it('a list is watched the same way, in colours, and without them where they are not wanted', async () => {
    const watched = (env: string) =>
      inTerminal(`${env} ${VARVE} host list --watch 0.2`, [{ when: /node-1[\s\S]*node-1/, text: 'q' }]);
    const { code, raw } = await watched('');
    expect({ code, restored: leftAsItWas(raw) }).toEqual({ code: 0, restored: true });
    expect(raw).toContain('\u001B[32mup\u001B[39m');
    expect((await watched('NO_COLOR=1')).raw).not.toMatch(new RegExp(String.raw`\u001B\[[0-9;]+m`));
  });

  it('leaves the terminal as it was when the token is refused', async () => {
    const { code, raw, seen } = await inTerminal(`${VARVE} top --token wrong`);
    expect({ code, restored: leftAsItWas(raw) }).toEqual({ code: 5, restored: true });
    expect(seen).toContain('No valid token');
  });
});

describe('as it is installed', () => {
  it('runs through a symbolic link, from anywhere', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'varve-bin-'));
    try {
      await symlink(VARVE, join(folder, 'varve'));
      const { stdout } = await promisify(execFile)(join(folder, 'varve'), ['host', 'list'], { env: env(), cwd: '/' });
      expect(stdout).toContain('node-1');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('does not mind a reader that has read enough', async () => {
    const { stdout, stderr } = await promisify(execFile)(
      'bash',
      ['--norc', '-c', `set -o pipefail; ${VARVE} --help | head -n 1; ${VARVE} instance list --json | true; echo "$?"`],
      { env: env() },
    );
    expect(stdout).toMatch(/^Usage: varve .*\n0\n$/);
    expect(stderr).toBe('');
  });

  it('says that it has to be built, and is not taken for a success', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'varve-bin-'));
    try {
      await promisify(execFile)('sh', ['-c', `mkdir -p a/b && cp ${VARVE} a/b/varve`], { cwd: folder });
      await expect(promisify(execFile)(join(folder, 'a/b/varve'))).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('npm run build') as string,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
