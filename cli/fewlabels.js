#!/usr/bin/env node
// The command `fewlabels`: loads TypeScript as it stands (tsx) and hands over to main.ts. Plain JavaScript, as it must be able to
// say what is missing before anything is installed.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 9)) fail(`Cannot start as fewlabels needs Node 20.9 or later: this is ${process.version}`);

try {
  const { register } = await import('tsx/esm/api');
  register();
} catch (error) {
  if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  fail('Cannot start as the packages must be installed first: run `npm run setup` in the folder of fewlabels');
}
const { main } = await import('./main.ts');
await main(process.argv.slice(2));

function fail(message) {
  process.stderr.write(`✖ ${message}\n`);
  process.exit(1);
}
