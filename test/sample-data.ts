/** Sample data sets for tests: in FEWLABELS_DATA, or in ../shared/data beside the repository. Nothing downloads them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const SAMPLES = ['cifar10', 'bloodcells'] as const;
export type Sample = (typeof SAMPLES)[number];

const repository = fileURLToPath(new URL('..', import.meta.url));
const home = () => resolve(repository, process.env.FEWLABELS_DATA || '../shared/data');

/**
 * Folder of a sample data set, or undefined when it is absent; then skip what needs it: `test.skipIf(!folder)(…)`.
 * @throws Error when it is absent under CI=true, where nothing may be skipped
 */
export function sampleData(name: Sample): string | undefined {
  const folder = resolve(home(), name);
  if (existsSync(folder)) return folder;
  if (process.env.CI === 'true') throw new Error(`Cannot run these tests as CI must have the sample data: "${folder}" does not exist`);
  return undefined;
}

/** Say once, in one line, what will be skipped. */
export function announceSampleData(): void {
  const absent = SAMPLES.filter((name) => !existsSync(resolve(home(), name)));
  if (absent.length === 0) return;
  process.stderr.write(`Sample data ${absent.join(', ')} not found in ${home()} (set FEWLABELS_DATA): tests that need it are skipped\n`);
}
