// Who may import whom. An import that is refused here is a sign that something lives in the wrong place.
const lib = (names) => `^libs/(${names})/`;
const only = (from, allowed) => ({
  name: `${from.replaceAll('|', '-')}-imports-only-${allowed.replaceAll('|', '-') || 'itself'}`,
  severity: 'error',
  from: { path: lib(from), pathNot: '(spec|suite)\\.ts$' },
  to: { path: '^(libs|apps|migrations|testbed)/', pathNot: [`^libs/(${[from, allowed].filter(Boolean).join('|')})/`] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'nothing-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    { name: 'libs-never-import-apps', severity: 'error', from: { path: '^libs/' }, to: { path: '^apps/' } },
    {
      name: 'apps-never-import-each-other',
      severity: 'error',
      from: { path: '^apps/([^/]+)/src/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'a-worker-has-no-database',
      severity: 'error',
      from: { path: '^apps/worker/src/' },
      to: { path: ['^libs/catalog/', '^migrations/', 'node_modules/(typeorm|pg)/'] },
    },
    {
      name: 'the-cli-speaks-http-alone',
      severity: 'error',
      from: { path: '^apps/cli/src/', pathNot: 'doctor' },
      to: { path: lib('catalog|messaging|procedures|layer-store') },
    },
    {
      name: 'the-dashboard-speaks-http-alone',
      severity: 'error',
      from: { path: '^apps/dashboard/src/' },
      to: { path: '^libs/', pathNot: lib('core|contracts|api-client') },
    },
    {
      name: 'testing-stays-in-tests',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '(spec|suite)\\.ts$|/testing/|^apps/[^/]+/test/' },
      to: { path: '/testing/|^testbed/' },
    },
    only('core', ''),
    only('contracts', 'core'),
    only('ports', 'core'),
    only('procedures', 'core|ports'),
    only('layer-store', 'core|ports'),
    only('adapters', 'core|ports'),
    only('catalog', 'core|contracts'),
    only('messaging', 'core|contracts'),
    only('api-client', 'core|contracts'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types'],
    },
  },
};
