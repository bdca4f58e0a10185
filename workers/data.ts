/** Data worker: shards and views. CPU only; start as many as there are machines. */
import './without-gpu.ts'; // first
import { createDataActivities } from '../activities/data.ts';
import { openTrees } from '../activities/trees.ts';
import { cores, failEntry, serve } from './serve.ts';

await serve('data', async ({ artifacts, s3 }) => ({
  activities: createDataActivities(artifacts, openTrees(s3)),
  maxConcurrentActivityTaskExecutions: cores(),
})).catch(failEntry);
