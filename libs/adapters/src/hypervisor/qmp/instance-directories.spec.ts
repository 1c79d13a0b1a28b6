import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HypervisorRefusedError, NotFoundError } from '@varve/core';
import type { InstanceId } from '@varve/core';
import { InstanceDirectories } from './instance-directories.js';

const GOOD = { version: 1, project: 'p1', name: 'web', start: ['qemu'], qmp: 'run/qmp.sock', agent: 'qga.sock' };

describe('instances described in their directories', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-instances-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  async function withFile(text: string): Promise<InstanceId> {
    const id = randomUUID() as InstanceId;
    await mkdir(join(root, id));
    await writeFile(join(root, id, 'instance.json'), text);
    return id;
  }

  it('have their sockets inside', async () => {
    const id = await withFile(JSON.stringify(GOOD));
    expect(await new InstanceDirectories(root).describe(id)).toMatchObject({
      projectId: 'p1',
      name: 'web',
      qmpSocket: join(root, id, 'run/qmp.sock'),
      agentSocket: join(root, id, 'qga.sock'),
    });
    expect(await new InstanceDirectories(root).ids()).toContain(id);
  });

  it('are absent where there is no description', async () => {
    const id = randomUUID() as InstanceId;
    expect(await new InstanceDirectories(root).describe(id)).toBeNull();
    await expect(new InstanceDirectories(root).require(id)).rejects.toBeInstanceOf(NotFoundError);
  });

  it.each([
    ['not JSON', '{'],
    ['of a later version', JSON.stringify({ ...GOOD, version: 2 })],
    ['with a socket elsewhere', JSON.stringify({ ...GOOD, qmp: '/run/other' })],
    ['with a socket above', JSON.stringify({ ...GOOD, qmp: '../other/qmp.sock' })],
    ['with an agent further above', JSON.stringify({ ...GOOD, agent: 'a/../../qga.sock' })],
    ['with a project that could be a path', JSON.stringify({ ...GOOD, project: '../p' })],
    ['without a command', JSON.stringify({ ...GOOD, start: [] })],
  ])('can not be used when the description is %s', async (_, text) => {
    const id = await withFile(text);
    await expect(new InstanceDirectories(root).describe(id)).rejects.toBeInstanceOf(HypervisorRefusedError);
  });

  it.each(['..', '.', 'a/b', '../../etc', ''])('are never looked for under %j', async (id) => {
    await expect(new InstanceDirectories(root).describe(id as InstanceId)).rejects.toBeInstanceOf(NotFoundError);
  });
});
