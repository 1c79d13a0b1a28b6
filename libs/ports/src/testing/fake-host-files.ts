import type { Extent } from '@varve/core';

/** Somebody who has a file open: a node of a QEMU, or a tool. */
export interface Opener {
  readOnly: boolean;
}

/** An inode of the fake host. What it holds stays, whatever becomes of its names. */
export interface FakeFile {
  /** `<device>:<inode>` */
  readonly inode: string;
  backing: { path: string; format: 'raw' | 'qcow2' } | null;
  /** Whether it may be streamed into. */
  isPlain?: true;
  /** What QEMU's jobs wrote and it has not flushed yet, and what was there before: that is back when it dies. */
  unflushed?: Map<number, number | undefined>;
  /** What a power cut may have it need again: merged into it, or below it no longer, since it was last synced. */
  supersedes?: Set<FakeFile>;
  /** What the file alone defines: block -> what all bytes of it hold; 0: reads as zeros. */
  readonly blocks: Map<number, number>;
  /** Where the bytes of a block lie in the file, counted in blocks. */
  readonly places: Map<number, number>;
  mtimeNs: bigint;
  ctimeNs: bigint;
  readonly openers: Set<Opener>;
}

/** Room for headers and tables in front of the data of every file. */
const FIRST_PLACE = 5;

/**
 * Names and inodes. As on ext4, the number of a file that is gone for good is given to the next one: whoever takes
 * inodes for identities must be sure that the old file still exists.
 */
export class FakeFileSystem {
  private readonly names = new Map<string, FakeFile>();
  private readonly files = new Set<FakeFile>();
  private clock = 1n;

  lookUp(path: string): FakeFile | null {
    return this.names.get(path) ?? null;
  }

  pathsUnder(directory: string): string[] {
    return [...this.names.keys()].filter((path) => path.startsWith(`${directory}/`));
  }

  /** Replaces what had the name before. */
  create(path: string, backing: FakeFile['backing']): FakeFile {
    const now = this.tick();
    const file: FakeFile = {
      inode: this.freeInode(),
      backing,
      blocks: new Map(),
      places: new Map(),
      mtimeNs: now,
      ctimeNs: now,
      openers: new Set(),
    };
    this.files.add(file);
    this.names.set(path, file);
    return file;
  }

  /** Gives the file this name too; whatever had it before loses it. */
  link(file: FakeFile, path: string): void {
    this.names.set(path, file);
    file.ctimeNs = this.tick();
  }

  /** The file needs the others no longer, once it is synced. */
  supersede(file: FakeFile, others: readonly FakeFile[]): void {
    file.supersedes = new Set([...(file.supersedes ?? []), ...others]);
  }

  /** Whether a power cut could have a file that has a name need this one again. */
  isNeededUntilSync(file: FakeFile): boolean {
    return [...this.names.values()].some((other) => other !== file && other.supersedes?.has(file));
  }

  unlink(path: string): void {
    this.names.delete(path);
  }

  write(file: FakeFile, block: number, value: number): void {
    file.blocks.set(block, value);
    file.unflushed?.delete(block);
    if (value !== 0 && !file.places.has(block)) file.places.set(block, FIRST_PLACE + file.places.size);
    file.mtimeNs = this.tick();
    file.ctimeNs = file.mtimeNs;
  }

  /** The same as {@link write}, not flushed yet. */
  writeUnflushed(file: FakeFile, block: number, value: number): void {
    const unflushed = new Map(file.unflushed);
    if (!unflushed.has(block)) unflushed.set(block, file.blocks.get(block));
    this.write(file, block, value);
    file.unflushed = unflushed;
  }

  setBacking(file: FakeFile, backing: FakeFile['backing']): void {
    file.backing = backing;
    file.mtimeNs = this.tick();
    file.ctimeNs = file.mtimeNs;
  }

  /** What a file shows through the chain that its headers describe. @returns `null`: the chain is broken */
  readThrough(file: FakeFile, block: number): number | null {
    const seen = new Set<FakeFile>();
    for (let at: FakeFile | null = file; at;) {
      if (seen.has(at)) return null;
      seen.add(at);
      const value = at.blocks.get(block);
      if (value !== undefined) return value;
      if (!at.backing) return 0;
      at = this.lookUp(at.backing.path);
    }
    return null;
  }

  private tick(): bigint {
    return (this.clock += 1_000_000n);
  }

  private freeInode(): string {
    const named = new Set(this.names.values());
    for (const file of this.files) if (!named.has(file) && file.openers.size === 0) this.files.delete(file);
    const taken = new Set([...this.files].map((file) => file.inode));
    let number = 1000;
    while (taken.has(`8:${number}`)) number++;
    return `8:${number}`;
  }
}

export const isOpenForWriting = (file: FakeFile): boolean => [...file.openers].some((opener) => !opener.readOnly);

/** Where a block's bytes begin in the plain layer file. */
const placeOf = (file: FakeFile, block: number, blockBytes: number): number =>
  (file.places.get(block) ?? FIRST_PLACE) * blockBytes;

/** As `qemu-img map` has it: neighbours that also lie side by side in the file are one run. */
export function extentsOf(file: FakeFile, blockBytes: number): Extent[] {
  const extents: [number, number, number][] = [];
  for (const [block, value] of [...file.blocks].sort(([a], [b]) => a - b)) {
    const start = block * blockBytes;
    const place = value === 0 ? -1 : placeOf(file, block, blockBytes);
    const last = extents.at(-1);
    const follows = last && last[0] + last[1] === start;
    if (follows && (last[2] === -1 ? place === -1 : place === last[2] + last[1])) last[1] += blockBytes;
    else extents.push([start, blockBytes, place]);
  }
  return extents;
}

/** The plain bytes of a layer file: file offset of a block -> what its bytes hold. */
export function plainBytesOf(file: FakeFile, blockBytes: number): Map<number, number> {
  const data = [...file.blocks].filter(([, value]) => value !== 0);
  return new Map(data.map(([block, value]) => [placeOf(file, block, blockBytes), value]));
}
