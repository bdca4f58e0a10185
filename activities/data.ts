/** Activities of data workers: shards and views. */
import type { DataActivities } from '../contracts/stages.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { augmentActivities } from './augment.ts';
import { type ImageTrees, shardActivities } from './shards.ts';

export function createDataActivities(artifacts: Artifacts, trees: ImageTrees): DataActivities {
  return { ...shardActivities(artifacts, trees), ...augmentActivities(artifacts) };
}
