/** Pipeline worker: workflows, and light input and output. */
import { fileURLToPath } from 'node:url';
import { createPipelineActivities } from '../activities/pipeline.ts';
import { openTrees } from '../activities/trees.ts';
import { failEntry, serve } from './serve.ts';

await serve('pipeline', async ({ artifacts, s3, scratch }) => ({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
  activities: createPipelineActivities({ artifacts, scratch, environment: {}, stallSeconds: 0 }, openTrees(s3)),
})).catch(failEntry);
