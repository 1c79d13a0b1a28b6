// Nest's own configuration without its type checker: it would check the whole tree again for each app. `npm test` checks
// it once, with tsc.
module.exports = (options) => ({
  ...options,
  plugins: (options.plugins ?? []).filter((plugin) => plugin?.constructor?.name !== 'ForkTsCheckerWebpackPlugin'),
});
