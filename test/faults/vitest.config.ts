import { defineConfig } from 'vitest/config';
import base from '../../vitest.config.ts';
import table from './reporter.ts';

/** The fault suite, `npm run test:faults`: one file after the other, as each has servers of its own. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/faults/*.faults.ts'],
    fileParallelism: false,
    reporters: ['default', table],
  },
});
