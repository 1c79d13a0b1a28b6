import { createHash } from 'node:crypto';
import { constants, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskUnsupportedError } from '@varve/core';
import type { BaseImage } from '@varve/core';
import { z } from 'zod';
import { ifThere, replaceFile } from './durable.js';

export interface BaseDigest {
  readonly sha256: string;
  readonly sizeBytes: number;
}

const StateFile = z.object({
  version: z.literal(1),
  digests: z.record(z.string(), z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), sizeBytes: z.number() })),
});

const PIECE_BYTES = 2 ** 20;

/** Digests of base images, each computed once for as long as the file isn't touched, also across restarts. */
export class BaseDigests {
  private readonly running = new Map<string, Promise<BaseDigest>>();
  private read: Map<string, BaseDigest> | null = null;

  /** @param stateDir - absolute, must exist; what is lost of it is computed again */
  constructor(private readonly stateDir: string) {}

  async of(base: BaseImage): Promise<BaseDigest> {
    const key = await this.keyOf(base);
    const known = (await this.load()).get(key);
    if (known) return known;
    const running = this.running.get(key);
    if (running) return running;
    const computing = this.compute(base, key).finally(() => this.running.delete(key));
    this.running.set(key, computing);
    return computing;
  }

  /** Without reading the image; `null`: it has never been read as it is now. */
  async known(base: BaseImage): Promise<string | null> {
    return (await this.load()).get(await this.keyOf(base))?.sha256 ?? null;
  }

  private async compute(base: BaseImage, key: string): Promise<BaseDigest> {
    const digest = await sha256Of(base.path);
    const now = await this.keyOf(base);
    // Nova touches the base image of every server that it makes: what reads the same again was not written to.
    if (now !== key && (await sha256Of(base.path)).sha256 !== digest.sha256) {
      throw new DiskUnsupportedError('disk_chain_unsupported', 'The base image was written to while it was read');
    }
    const known = await this.load();
    known.set(now, digest);
    const { uid, gid } = await stat(this.stateDir);
    const text = JSON.stringify({ version: 1, digests: Object.fromEntries(known) }, null, 2);
    await replaceFile(this.file(), text, { uid, gid });
    return digest;
  }

  private async keyOf({ path }: BaseImage): Promise<string> {
    const found = await ifThere(stat(path, { bigint: true }));
    if (!found) throw new DiskUnsupportedError('disk_chain_unsupported', 'The base image is missing');
    return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}`;
  }

  private async load(): Promise<Map<string, BaseDigest>> {
    this.read ??= await this.readState();
    return this.read;
  }

  private async readState(): Promise<Map<string, BaseDigest>> {
    const text = await ifThere(readFile(this.file(), 'utf8'));
    if (text === null) return new Map();
    const parsed = StateFile.safeParse(parseJson(text));
    // Only a cache: what can't be read is computed again.
    return parsed.success ? new Map(Object.entries(parsed.data.digests)) : new Map();
  }

  private file(): string {
    return join(this.stateDir, 'base-digests.json');
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

async function sha256Of(path: string): Promise<BaseDigest> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  const handle = await open(path, constants.O_RDONLY);
  try {
    // The digest is kept for good, by facts that a power cut leaves as they are when data of a young image are lost.
    await handle.sync();
    let sizeBytes = 0;
    for (;;) {
      const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, sizeBytes);
      if (bytesRead === 0) return { sha256: hash.digest('hex'), sizeBytes };
      hash.update(piece.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
