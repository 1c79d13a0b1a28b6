import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRealHost } from '../../hypervisor/testing/real-host.js';
import type { RealHost } from '../../hypervisor/testing/real-host.js';

describe('merging two layers offline', () => {
  let host: RealHost;
  beforeAll(async () => {
    host = await makeRealHost();
  });
  afterAll(() => host.close());

  it('takes over what the upper one defines, and not a byte beside it', async () => {
    const { diskFiles: files } = host;
    const instance = await host.newInstance('drive');
    const [bottom, lower, upper] = [host.newFileId(), host.newFileId(), host.newFileId()] as const;
    await files.adoptDisk(instance, bottom);
    await files.createLayer(instance, lower, { kind: 'layer', file: bottom }, host.blockBytes * host.blockCount);
    await files.createLayer(instance, upper, { kind: 'layer', file: lower }, host.blockBytes * host.blockCount);
    const write = async (file: typeof lower, runs: readonly (readonly [number, number, number])[]): Promise<void> => {
      const writer = await files.openWriter(instance, file);
      for (const [offset, length, value] of runs) await writer.write(offset, Buffer.alloc(length, value));
      await writer.finish();
    };
    await write(lower, [
      [0, 4096, 1],
      [131_072, 65_536, 1],
    ]);
    // Scattered over clusters that the lower layer has, has in part, and has not.
    await write(upper, [
      [8192, 4096, 2],
      [131_072 + 4096, 4096, 2],
      [1_048_576, 4096, 2],
    ]);

    await files.commitOffline(instance, upper, lower);

    const defined = (await files.extents(instance, lower)).map(([offset, length]) => [offset, length]);
    expect(defined).toEqual([
      [0, 4096],
      [8192, 4096],
      [131_072, 65_536],
      [1_048_576, 4096],
    ]);
    const reader = await files.openReader(instance, lower);
    const valueAt = async (offset: number): Promise<number | undefined> => (await reader.read(offset, 4096))[0];
    expect(await valueAt(0)).toBe(1);
    expect(await valueAt(8192)).toBe(2);
    expect(await valueAt(131_072)).toBe(1);
    expect(await valueAt(131_072 + 4096)).toBe(2);
    expect(await valueAt(131_072 + 8192)).toBe(1);
    expect(await valueAt(1_048_576)).toBe(2);
    expect(await valueAt(4096)).toBe(host.baseValue(0));
    await reader.close();
  });
});
