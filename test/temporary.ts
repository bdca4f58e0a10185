/** One folder for whatever a test run makes on the side, so that nothing of it is left: tests need not clear up after themselves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'fewlabels-tests-'));
  process.env.TMPDIR = folder; // of this process, and of those that run the tests
  return () => rmSync(folder, { recursive: true, force: true });
}
