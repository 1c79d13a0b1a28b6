import { createHash } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runIdentitySuite } from '@varve/ports/testing';
import { ServiceUnavailableError } from '@varve/core';
import { StaticIdentity } from './static-identity.js';

const TOKEN = 'a-token-of-enough-length';
const OTHER = 'another-token-of-enough-length';
const hash = (text: string) => createHash('sha256').update(text).digest('hex');

describe('tokens in a file', () => {
  let directory: string;
  let file: string;
  let warnings: string[];
  let identity: StaticIdentity;
  const write = async (tokens: object[]) => {
    await writeFile(file, JSON.stringify({ tokens }), { mode: 0o600 });
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'varve-tokens-'));
    file = join(directory, 'tokens.json');
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));
  beforeEach(async () => {
    await rm(file, { force: true });
    warnings = [];
    identity = new StaticIdentity({ tokensFile: file, onWarning: (message) => warnings.push(message) });
  });

  it('stand for a user, a project and a role', async () => {
    await write([{ token: TOKEN, userId: 'u1', projectId: 'p1', role: 'member' }]);
    expect(await identity.authenticate(TOKEN)).toEqual({
      userId: 'u1',
      projectId: 'p1',
      roles: ['member'],
      expiresAt: null,
    });
    expect(warnings).toEqual([]);
  });

  it('may be there as their SHA-256 alone', async () => {
    await write([{ sha256: hash(TOKEN), userId: 'u1', projectId: 'p1', role: 'admin' }]);
    expect(await identity.authenticate(TOKEN)).toMatchObject({ roles: ['admin'] });
    expect(await identity.authenticate(hash(TOKEN)), 'the digest is not a token').toBeNull();
  });

  it.each(['', 'x', `${TOKEN} `, TOKEN.toUpperCase()])('are not valid when they differ: %j', async (token) => {
    await write([{ token: TOKEN, userId: 'u1', projectId: 'p1', role: 'member' }]);
    expect(await identity.authenticate(token)).toBeNull();
  });

  it('are valid, and no longer, as soon as the file says so', async () => {
    await write([{ token: TOKEN, userId: 'u1', projectId: 'p1', role: 'member' }]);
    expect(await identity.authenticate(OTHER)).toBeNull();
    await write([{ token: OTHER, userId: 'u2', projectId: 'p1', role: 'reader' }]);
    expect(await identity.authenticate(OTHER)).toMatchObject({ userId: 'u2' });
    expect(await identity.authenticate(TOKEN)).toBeNull();
  });

  it.each([
    ['missing', null],
    ['not JSON', '{'],
    ['without tokens', '{}'],
    ['with a short token', JSON.stringify({ tokens: [{ token: 'x', userId: 'u', projectId: 'p', role: 'admin' }] })],
    [
      'with both a token and a digest',
      JSON.stringify({ tokens: [{ token: TOKEN, sha256: hash(TOKEN), userId: 'u', projectId: 'p', role: 'admin' }] }),
    ],
    ['with an unknown role', JSON.stringify({ tokens: [{ token: TOKEN, userId: 'u', projectId: 'p', role: 'root' }] })],
  ])('make the service unavailable when the file is %s', async (_, text) => {
    if (text !== null) await writeFile(file, text, { mode: 0o600 });
    await expect(identity.authenticate(TOKEN)).rejects.toBeInstanceOf(ServiceUnavailableError);
  });

  it('do not stay valid when the file becomes unreadable', async () => {
    await write([{ token: TOKEN, userId: 'u1', projectId: 'p1', role: 'member' }]);
    await identity.authenticate(TOKEN);
    await writeFile(file, '{');
    await expect(identity.authenticate(TOKEN)).rejects.toBeInstanceOf(ServiceUnavailableError);
  });

  it('come with a warning when others can read the file', async () => {
    await write([{ token: TOKEN, userId: 'u1', projectId: 'p1', role: 'member' }]);
    await chmod(file, 0o644);
    await identity.authenticate(TOKEN);
    await identity.authenticate(TOKEN);
    expect(warnings).toHaveLength(1);
  });
});

runIdentitySuite('of a tokens file', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'varve-tokens-'));
  const tokensFile = join(directory, 'tokens.json');
  const tokens = [{ token: TOKEN, userId: 'u1', projectId: 'p1', role: 'member' }];
  await writeFile(tokensFile, JSON.stringify({ tokens }), { mode: 0o600 });
  return {
    identity: new StaticIdentity({ tokensFile }),
    token: TOKEN,
    person: null,
    close: () => rm(directory, { recursive: true, force: true }),
  };
});
