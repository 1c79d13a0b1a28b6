import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DiskUnsupportedError } from '@varve/core';
import { watchSyncs } from '../../../../../testbed/watch-syncs.ts';
import { BaseDigests } from './base-digests.js';

describe('the digest of a base image', () => {
  const content = randomBytes(32 * 2 ** 20);
  const sha256 = createHash('sha256').update(content).digest('hex');
  let root: string;
  let path: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-base-'));
    path = join(root, 'base');
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  /** Reads the image while something is done to it again and again. */
  async function meanwhile(disturb: (turn: number) => Promise<void>): Promise<string> {
    await writeFile(path, content);
    const reading = new AbortController();
    const disturbing = (async () => {
      for (let turn = 1; !reading.signal.aborted; turn++) await disturb(turn);
    })();
    try {
      return (await new BaseDigests(root).of({ path, format: 'raw' })).sha256;
    } finally {
      reading.abort();
      await disturbing;
    }
  }

  it('is that of an image that is only touched meanwhile, as Nova does', async () => {
    expect(await meanwhile((turn) => utimes(path, turn, turn))).toBe(sha256);
  });

  it('is none of an image that is written to meanwhile', async () => {
    const write = async (turn: number): Promise<void> => {
      const image = await open(path, 'r+');
      try {
        for (let at = 0; at < content.length; at += 2 ** 20) await image.write(Buffer.of(turn), 0, 1, at);
      } finally {
        await image.close();
      }
    };
    await expect(meanwhile(write)).rejects.toBeInstanceOf(DiskUnsupportedError);
  });

  it('is not known, nor computed, before somebody needs it; nor after the image was written to', async () => {
    await writeFile(path, content);
    const base = { path, format: 'raw' } as const;
    const digests = new BaseDigests(await mkdtemp(join(root, 'state-')));
    expect(await digests.known(base)).toBeNull();
    await digests.of(base);
    expect(await digests.known(base)).toBe(sha256);
    await writeFile(path, content.subarray(1));
    expect(await digests.known(base)).toBeNull();
  });

  it('is of what is on the disk: the image is synced before it is read', async () => {
    await writeFile(path, content);
    const opened = await open(path);
    const read = vi.spyOn(Object.getPrototypeOf(opened) as typeof opened, 'read');
    await opened.close();
    onTestFinished(() => read.mockRestore());
    let readBefore = -1;
    const synced = await watchSyncs((each) => {
      if (each === path) readBefore = read.mock.calls.length;
    });
    await new BaseDigests(await mkdtemp(join(root, 'state-'))).of({ path, format: 'raw' });
    expect([synced[0], readBefore]).toEqual([path, 0]);
  });
});
