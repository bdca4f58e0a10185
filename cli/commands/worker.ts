/** `fewlabels worker KIND` */
import { register } from 'tsx/cjs/api';
import { QUEUES } from '../../contracts/queues.ts';
import { variablesOf } from '../../contracts/services.ts';
import { findServices } from '../../infra/local/services.ts';
import { nearest } from '../nearest.ts';
import { BadInput } from '../problem.ts';
import type { Context } from '../terminal.ts';

const ENTRIES: Record<string, () => Promise<unknown>> = {
  pipeline: () => import('../../workers/pipeline.ts'),
  data: () => import('../../workers/data.ts'),
  training: () => import('../../workers/training.ts'),
};

/** Serve a queue until a signal comes: of the servers named in the environment, else of the embedded ones. */
export async function worker({ environment, variables }: Context, kind: string): Promise<void> {
  const entry = ENTRIES[kind];
  if (!entry) {
    const near = nearest(kind, Object.keys(QUEUES));
    throw new BadInput(`worker must be ${Object.keys(QUEUES).join(', ')}: got "${kind}"${near ? `, did you mean ${near}?` : ''}`);
  }
  const services = await findServices(environment);
  if (!services)
    throw new Error(
      'Cannot serve as no servers are up: start them with `npx fewlabels up`, or name yours in TEMPORAL_ADDRESS and S3_ENDPOINT',
    );
  Object.assign(variables, variablesOf(services));
  register(); // Temporal's SDK loads a file of ours by `require`, which this command's own loader does not know
  await entry();
}
