import { describe, expect, it } from 'vitest';
import { BlockGraph, plainFileName } from './block-graph.js';
import type { DebugGraph, NamedNode } from './block-graph.js';

const node = (name: string, drv: string, file: string, ro: boolean): NamedNode => ({
  'node-name': name,
  drv,
  file,
  ro,
  detect_zeroes: 'off',
  cache: { direct: true, 'no-flush': false },
});

/** `device -> active -> [commit_top] -> sealed -> base`, with a job at work, and an overlay that nothing uses. */
function example(): BlockGraph {
  const nodes: [id: number, NamedNode][] = [
    [2, node('active', 'qcow2', '/l/active', false)],
    [3, node('active-f', 'file', '/l/active', false)],
    [4, node('#block1', 'commit_top', '/l/sealed', true)],
    [5, node('sealed', 'qcow2', '/l/sealed', true)],
    [6, node('sealed-f', 'file', '/l/sealed', true)],
    [7, node('base', 'raw', '/b/base', true)],
    [8, node('base-f', 'file', '/b/base', true)],
    [9, node('astray', 'qcow2', 'json:{"driver": "qcow2", "file": {"driver": "file", "filename": "/l/x"}}', false)],
    [10, node('astray-f', 'file', '/l/x', false)],
  ];
  const graph: DebugGraph = {
    nodes: [
      { id: 1, type: 'block-backend', name: 'drive0' },
      { id: 11, type: 'block-job', name: 'merge' },
      ...nodes.map(([id, n]) => ({ id, type: 'block-driver' as const, name: n['node-name'] })),
    ],
    edges: [
      [1, 2, 'root'],
      [2, 3, 'file'],
      [2, 4, 'backing'],
      [4, 5, 'backing'],
      [5, 6, 'file'],
      [5, 7, 'backing'],
      [7, 8, 'file'],
      [11, 5, 'intermediate node'],
      [9, 10, 'file'],
    ].map(([parent, child, name]) => ({ parent: Number(parent), child: Number(child), name: String(name) })),
  };
  const devices = [{ device: 'cd' }, { device: 'drive0', inserted: { 'node-name': 'active' } }];
  return new BlockGraph(
    devices,
    nodes.map(([, n]) => n),
    graph,
  );
}

describe('the block graph', () => {
  it('shows the images of a disk from the top down, without what jobs put between', () => {
    const [disk, ...others] = example().disks();
    expect(others).toEqual([]);
    expect(disk?.images.map(({ format, file }) => [format['node-name'], file['node-name']])).toEqual([
      ['active', 'active-f'],
      ['sealed', 'sealed-f'],
      ['base', 'base-f'],
    ]);
  });

  it('tells which nodes nothing uses, in the order in which QEMU can delete them', () => {
    expect(example().unused()).toEqual(['astray', 'astray-f']);
  });

  it('tells which jobs work on a disk', () => {
    const graph = example();
    expect(graph.jobsOn(graph.reachableFrom('active'))).toEqual(['merge']);
    expect(graph.jobsOn(graph.reachableFrom('astray'))).toEqual([]);
  });

  it.each([
    ['/l/disk', '/l/disk'],
    ['json:{"driver":"qcow2","file":{"driver":"file","filename":"/l/a"}}', '/l/a'],
    [
      'json:{"backing":{"file":{"filename":"/l/below"}},"driver":"qcow2","file":{"driver":"file","filename":"/l/b"}}',
      '/l/b',
    ],
    ['json:{"driver":"file","filename":"/l/c"}', '/l/c'],
    ['json:{"driver":"null-co"}', 'json:{"driver":"null-co"}'],
  ])('knows the file behind %s', (name, file) => {
    expect(plainFileName(name)).toBe(file);
  });
});
