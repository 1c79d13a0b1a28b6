// Where everything lies in a qcow2 file (version 3, no backing file) that is written from its first byte to its last: all
// tables come before the data, which is in the guest's order.
//
//     header | refcount table | refcount blocks | L1 table | L2 tables | data clusters

export const CLUSTER_BYTES = 65_536;
const REFCOUNTS_PER_BLOCK = CLUSTER_BYTES / 2;
const ENTRIES = CLUSTER_BYTES / 8;
/** Guest bytes that one L2 table maps. */
const L2_COVERS = ENTRIES * CLUSTER_BYTES;
const HEADER_BYTES = 104;
/** The cluster's refcount is exactly one, as that of all clusters here. */
const COPIED = 1n << 63n;

/** Guest clusters side by side, as `[number of the first, how many]`. */
export type ClusterRun = readonly [first: number, count: number];

export interface Qcow2Layout {
  readonly sizeBytes: number;
  /** The file up to the first data cluster. */
  tables(): Iterable<Buffer>;
}

/** @param runs - of the clusters that have data; sorted, without overlap */
export function layOut(virtualSizeBytes: number, runs: readonly ClusterRun[]): Qcow2Layout {
  const dataClusters = runs.reduce((sum, [, count]) => sum + count, 0);
  const l1Entries = Math.ceil(virtualSizeBytes / L2_COVERS);
  const l1Clusters = Math.ceil((l1Entries * 8) / CLUSTER_BYTES);
  const l2Tables = new Set(runs.flatMap(([first, count]) => tablesOf(first, count))).size;
  const { tableClusters, blocks, total } = refcountsFor(1 + l1Clusters + l2Tables + dataClusters);
  const at = { table: 1, blocks: 1 + tableClusters, l1: 1 + tableClusters + blocks };
  const l2At = at.l1 + l1Clusters;
  const dataAt = l2At + l2Tables;
  return {
    sizeBytes: total * CLUSTER_BYTES,
    *tables() {
      yield header(virtualSizeBytes, at, tableClusters, l1Entries);
      yield table(tableClusters, blocks, (i) => BigInt((at.blocks + i) * CLUSTER_BYTES));
      for (let block = 0; block < blocks; block++)
        yield refcounts(Math.min(total - block * REFCOUNTS_PER_BLOCK, REFCOUNTS_PER_BLOCK));
      yield* mapping(runs, l1Clusters, l2At, dataAt);
    },
  };
}

/** Refcounts count their own clusters too. */
function refcountsFor(others: number): { tableClusters: number; blocks: number; total: number } {
  for (let blocks = 0, tableClusters = 0; ;) {
    const total = others + blocks + tableClusters;
    const needed = Math.ceil(total / REFCOUNTS_PER_BLOCK);
    const neededTable = Math.ceil(needed / ENTRIES);
    if (needed === blocks && neededTable === tableClusters) return { tableClusters, blocks, total };
    [blocks, tableClusters] = [needed, neededTable];
  }
}

function header(
  virtualSizeBytes: number,
  at: { table: number; l1: number },
  tableClusters: number,
  l1Entries: number,
): Buffer {
  const head = Buffer.alloc(CLUSTER_BYTES);
  head.writeUInt32BE(0x514649fb, 0);
  head.writeUInt32BE(3, 4);
  head.writeUInt32BE(Math.log2(CLUSTER_BYTES), 20);
  head.writeBigUInt64BE(BigInt(virtualSizeBytes), 24);
  head.writeUInt32BE(l1Entries, 36);
  head.writeBigUInt64BE(BigInt(at.l1 * CLUSTER_BYTES), 40);
  head.writeBigUInt64BE(BigInt(at.table * CLUSTER_BYTES), 48);
  head.writeUInt32BE(tableClusters, 56);
  head.writeUInt32BE(Math.log2(16), 96); // refcounts of 16 bits
  head.writeUInt32BE(HEADER_BYTES, 100);
  return head;
}

function table(clusters: number, entries: number, entry: (index: number) => bigint): Buffer {
  const bytes = Buffer.alloc(clusters * CLUSTER_BYTES);
  for (let i = 0; i < entries; i++) bytes.writeBigUInt64BE(entry(i), i * 8);
  return bytes;
}

function refcounts(count: number): Buffer {
  const block = Buffer.alloc(CLUSTER_BYTES);
  for (let i = 0; i < count; i++) block.writeUInt16BE(1, i * 2);
  return block;
}

function* mapping(runs: readonly ClusterRun[], l1Clusters: number, l2At: number, dataAt: number): Iterable<Buffer> {
  const l1 = Buffer.alloc(l1Clusters * CLUSTER_BYTES);
  const used = [...new Set(runs.flatMap(([first, count]) => tablesOf(first, count)))];
  used.forEach((index, i) => l1.writeBigUInt64BE(BigInt((l2At + i) * CLUSTER_BYTES) | COPIED, index * 8));
  yield l1;
  let data = dataAt;
  let next = 0;
  let done = 0; // of the next run
  for (const index of used) {
    const l2 = Buffer.alloc(CLUSTER_BYTES);
    const end = (index + 1) * ENTRIES;
    for (let run = runs[next]; run && run[0] + done < end; run = runs[next]) {
      l2.writeBigUInt64BE(BigInt(data++ * CLUSTER_BYTES) | COPIED, ((run[0] + done) % ENTRIES) * 8);
      if (++done < run[1]) continue;
      next++;
      done = 0;
    }
    yield l2;
  }
}

/** The L2 tables that a run lies in, by number. */
function tablesOf(first: number, count: number): number[] {
  const [from, to] = [Math.floor(first / ENTRIES), Math.floor((first + count - 1) / ENTRIES)];
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}
