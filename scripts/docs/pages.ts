/** The documentation's pages, in the order of the menu; `path` is where they are below `/docs/` and below `docs`. */
export interface Page {
  readonly path: string;
  /** As the menu has it. */
  readonly title: string;
  readonly group: string;
}

const group = (name: string, pages: readonly (readonly [path: string, title: string])[]): Page[] =>
  pages.map(([path, title]) => ({ path, title, group: name }));

export const PAGES: readonly Page[] = [
  ...group('Start', [
    ['index', 'Varve'],
    ['install', 'Install'],
    ['concepts', 'Concepts'],
  ]),
  ...group('Use', [
    ['cli', 'The command'],
    ['using-the-api', 'The API'],
    ['events', 'Events'],
    ['recipes', 'Recipes'],
  ]),
  ...group('Operate', [
    ['operating', 'Handbook'],
    ['settings', 'Settings'],
    ['troubleshooting', 'Troubleshooting'],
  ]),
  ...group('Beside OpenStack', [
    ['openstack/deploy', 'Walk-through'],
    ['openstack/identity', 'Who may do what'],
    ['openstack/nova', 'Nova'],
    ['openstack/living-with-nova', 'Living with Nova'],
    ['openstack/glance', 'Glance'],
    ['openstack/libvirt', 'libvirt'],
    ['openstack/testbed', 'A real one to try'],
  ]),
  ...group('Inside', [['layer-format', 'Layer format']]),
];

/** Served beside them and in the menu, but in no file of `docs`: a text names their address, and has no link there. */
export const ELSEWHERE: readonly Page[] = group('Reference', [
  ['api', 'OpenAPI'],
  ['cli-reference', 'varve(1)'],
]);
