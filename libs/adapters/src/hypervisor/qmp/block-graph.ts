/** QEMU's block graph, as far as a system disk needs it. Pure: made of what QMP answered. */

/** `query-named-block-nodes {"flat": true}` */
export interface NamedNode {
  readonly 'node-name': string;
  readonly drv: string;
  /** A file name, or `json:{…}` where the options can't be said as one. */
  readonly file: string;
  readonly ro: boolean;
  readonly detect_zeroes: string;
  readonly cache: { readonly direct: boolean; readonly 'no-flush': boolean };
}

/** `x-debug-query-block-graph`: the only way to ask which node stands on which, until `children` came in QEMU 10.1. */
export interface DebugGraph {
  readonly nodes: readonly {
    readonly id: number;
    readonly type: 'block-backend' | 'block-job' | 'block-driver';
    readonly name: string;
  }[];
  readonly edges: readonly { readonly parent: number; readonly child: number; readonly name: string }[];
}

/** `query-block` */
export interface BlockDevice {
  readonly device: string;
  readonly qdev?: string;
  readonly inserted?: { readonly 'node-name'?: string };
}

/** One image of a disk: its format node, and the node of the file below. */
export interface ImageNode {
  readonly format: NamedNode;
  readonly file: NamedNode;
  /** The name that QEMU would open again. */
  readonly fileName: string;
}

/** Nodes that jobs and devices put between images; they have no file of their own. */
const FILTERS = new Set(['commit_top', 'mirror_top', 'throttle', 'copy-on-read', 'copy-before-write', 'preallocate']);

export class BlockGraph {
  private readonly named: ReadonlyMap<string, NamedNode>;
  private readonly idOf: ReadonlyMap<string, number>;
  private readonly nameOf: ReadonlyMap<number, string>;

  constructor(
    private readonly devices: readonly BlockDevice[],
    nodes: readonly NamedNode[],
    private readonly graph: DebugGraph,
  ) {
    const drivers = graph.nodes.filter((node) => node.type === 'block-driver');
    this.named = new Map(nodes.map((node) => [node['node-name'], node]));
    this.idOf = new Map(drivers.map((node) => [node.name, node.id]));
    this.nameOf = new Map(drivers.map((node) => [node.id, node.name]));
  }

  /** The devices that have a disk, with its images, the active one first. */
  disks(): { device: BlockDevice; images: ImageNode[] }[] {
    return this.devices.flatMap((device) => {
      const root = device.inserted?.['node-name'];
      return root === undefined ? [] : [{ device, images: this.imagesFrom(root) }];
    });
  }

  /** Names of all nodes that a node is made of, itself included. */
  reachableFrom(name: string): ReadonlySet<string> {
    const start = this.idOf.get(name);
    const seen = new Set<number>();
    const todo = start === undefined ? [] : [start];
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      if (seen.has(id)) continue;
      seen.add(id);
      for (const edge of this.graph.edges) if (edge.parent === id) todo.push(edge.child);
    }
    return new Set([...seen].flatMap((id) => this.nameOf.get(id) ?? []));
  }

  /** Nodes that neither a device, an export nor a job uses, whatever stands on them. Uppermost first. */
  unused(): string[] {
    const used = new Set<number>();
    const todo = this.graph.nodes.filter((node) => node.type !== 'block-driver').map((node) => node.id);
    for (let id = todo.pop(); id !== undefined; id = todo.pop()) {
      if (used.has(id)) continue;
      used.add(id);
      for (const edge of this.graph.edges) if (edge.parent === id) todo.push(edge.child);
    }
    const unused = new Set([...this.nameOf.keys()].filter((id) => !used.has(id)));
    const ordered: string[] = [];
    while (unused.size > 0) {
      // QEMU deletes a node only when nothing stands on it any more. The graph has no cycles.
      const next = [...unused].find((id) => !this.graph.edges.some((e) => e.child === id && unused.has(e.parent)));
      if (next === undefined) break;
      unused.delete(next);
      ordered.push(this.nameOf.get(next) ?? '');
    }
    return ordered;
  }

  /** Names of the jobs that work on any of the nodes. */
  jobsOn(nodes: ReadonlySet<string>): string[] {
    return this.graph.nodes
      .filter((node) => node.type === 'block-job')
      .filter((job) => this.graph.edges.some((e) => e.parent === job.id && nodes.has(this.nameOf.get(e.child) ?? '')))
      .map((job) => job.name);
  }

  has(name: string): boolean {
    return this.named.has(name);
  }

  /** The file that a node is, or stands for; `null`: no such node. */
  fileNameOf(name: string): string | null {
    const node = this.named.get(name);
    return node ? this.imageAt(node).fileName : null;
  }

  private imagesFrom(root: string): ImageNode[] {
    const images: ImageNode[] = [];
    for (let name: string | null = root; name !== null;) {
      const format = this.named.get(name);
      if (!format) break;
      if (FILTERS.has(format.drv)) {
        name = this.childOf(name, 'backing') ?? this.childOf(name, 'file');
        continue;
      }
      images.push(this.imageAt(format));
      name = this.childOf(name, 'backing');
    }
    return images;
  }

  private imageAt(format: NamedNode): ImageNode {
    let file = format;
    for (let name = this.childOf(format['node-name'], 'file'); name !== null; name = this.childOf(name, 'file')) {
      const below = this.named.get(name);
      if (!below) break;
      file = below;
    }
    return { format, file, fileName: plainFileName(file.file) };
  }

  private childOf(name: string, kind: 'file' | 'backing'): string | null {
    const parent = this.idOf.get(name);
    const edge = this.graph.edges.find((candidate) => candidate.parent === parent && candidate.name === kind);
    return (edge && this.nameOf.get(edge.child)) ?? null;
  }
}

/** The file behind `json:{"driver":"file","filename":"…"}`; any other name as it is. */
export function plainFileName(name: string): string {
  if (!name.startsWith('json:')) return name;
  let options: unknown = JSON.parse(name.slice('json:'.length));
  while (typeof options === 'object' && options !== null) {
    if ('filename' in options && typeof options.filename === 'string') return options.filename;
    options = 'file' in options ? options.file : null;
  }
  return name;
}
