/**
 * Who may import what. A rule that is in the way is an architecture question: see docs/architecture.md.
 * @type {import('dependency-cruiser').IConfiguration}
 */
const TEST = '\\.test\\.ts$|^test/|^apps/[^/]+/test/';

/** An outside package that only one folder may know. */
const adapter = (name, packages, folder) => ({
  name,
  comment: `${packages.join(', ')} is known to ${folder} alone`,
  severity: 'error',
  from: { pathNot: `${TEST}|^${folder}/` },
  to: { path: packages.map((one) => `^node_modules/${one}(?:/|$)`).join('|') },
});

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'two modules that need each other are one; types alone may, they are gone at run time',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '(?:^|/)dist/' },
    },
    {
      name: 'contracts-know-zod-only',
      severity: 'error',
      from: { path: '^libs/contracts/src/', pathNot: TEST },
      to: { pathNot: '^libs/contracts/src/|^node_modules/zod/' },
    },
    {
      name: 'kernel-knows-contracts-only',
      severity: 'error',
      from: { path: '^libs/kernel/src/', pathNot: TEST },
      to: { pathNot: '^libs/(?:kernel|contracts)/src/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'libs-never-apps',
      severity: 'error',
      from: { path: '^libs/', pathNot: TEST },
      to: { path: '^apps/' },
    },
    {
      name: 'apps-never-each-other',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: TEST },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'features-through-their-index',
      comment:
        "a feature of the api reaches another one through that one's index.ts; http/ is the ground under all",
      severity: 'error',
      from: { path: '^apps/api/src/([^/]+)/', pathNot: TEST },
      to: { path: '^apps/api/src/[^/]+/', pathNot: '^apps/api/src/(?:$1|http)/|/index\\.ts$' },
    },
    adapter(
      'whatsapp-web-only-in-its-driver',
      ['whatsapp-web\\.js', 'puppeteer'],
      'apps/session-node/src/drivers/webjs',
    ),
    adapter('minio-only-in-its-adapter', ['minio'], 'libs/media-store/src/s3'),
    adapter('twilio-only-in-its-adapter', ['twilio'], 'apps/api/src/channels/twilio'),
    {
      name: 'production-never-test-code',
      severity: 'error',
      from: { path: '^(?:apps|libs|scripts)/', pathNot: `${TEST}|^scripts/bench\\.mjs$` },
      to: { path: TEST },
    },
    {
      name: 'production-never-dev-packages',
      severity: 'error',
      from: { path: '^(?:apps|libs)/', pathNot: TEST },
      to: {
        dependencyTypes: ['npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: '^node_modules/@types/',
      },
    },
    {
      name: 'embedded-is-for-development',
      comment: 'the apps see addresses only; what stands behind them is not theirs to know',
      severity: 'error',
      from: { path: '^(?:apps|libs)/', pathNot: `${TEST}|^libs/embedded/` },
      to: { path: '^libs/embedded/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules|^dist/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['wagate-source', 'import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
