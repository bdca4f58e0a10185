import { defineConfig } from 'vitest/config';
import { TRAINER_ENVIRONMENT } from './workers/trainer-environment.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/temporary.ts', 'test/servers.ts'],
    pool: 'forks', // TensorFlow's addon does not load in worker threads
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: TRAINER_ENVIRONMENT,
  },
});
