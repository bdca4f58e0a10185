/** `fewlabels list` */
import type { WorkflowExecutionInfo } from '@temporalio/client';
import { WORKFLOW_TYPE } from '../../contracts/queues.ts';
import { accuracyText, duration } from '../../report/summary.ts';
import { BadInput } from '../problem.ts';
import { openSession } from '../session.ts';
import { type Context, columns } from '../terminal.ts';
import { startOf } from '../watch.ts';

export type RunLine = {
  run: string;
  recipe?: string;
  dataset?: string;
  state: string;
  started: string;
  seconds: number;
  stage?: string;
  accuracy?: number;
};

export async function list(context: Context, options: { json?: boolean; limit: string }): Promise<void> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1) throw new BadInput(`--limit must be a whole number from 1: got ${options.limit}`);
  const session = await openSession(context, { start: false });
  const runs: RunLine[] = [];
  const query = `WorkflowType = '${WORKFLOW_TYPE}' AND ExecutionStatus != 'ContinuedAsNew'`; // of a run that went on as a new workflow, that one
  for await (const info of session.client.workflow.list({ query })) {
    if (runs.push(lineOf(info)) >= limit) break;
  }
  await session.close();
  if (options.json) return context.terminal.print(JSON.stringify({ runs }));
  if (runs.length === 0) return context.terminal.say('No runs yet: `npx fewlabels run RECIPE` starts one');
  context.terminal.print(...table(runs));
}

/** State in one word; `stage` only while it runs. */
export function lineOf(info: WorkflowExecutionInfo): RunLine {
  const { workflowId, status, closeTime, searchAttributes } = info;
  const started = startOf(info);
  const attribute = (name: string) => searchAttributes[name]?.[0];
  const text = (name: string) => (attribute(name) === undefined ? undefined : String(attribute(name)));
  const accuracy = attribute('FewlabelsAccuracy');
  return {
    run: workflowId,
    recipe: text('FewlabelsRecipe'),
    dataset: text('FewlabelsDataset'),
    state: status.name === 'COMPLETED' ? 'done' : status.name === 'CANCELLED' ? 'cancelled' : status.name.toLowerCase(),
    started: started.toISOString(),
    seconds: Math.round(((closeTime ?? new Date()).getTime() - started.getTime()) / 1000),
    stage: status.name === 'RUNNING' ? text('FewlabelsStage') : undefined,
    accuracy: typeof accuracy === 'number' ? accuracy : undefined,
  };
}

/** Accuracy is that of the student with the most labels. */
export function table(runs: RunLine[]): string[] {
  const rows = runs.map(({ run, state, started, seconds, stage, accuracy }) => [
    run,
    stage ? `${state}: ${stage}` : state,
    started.slice(0, 16).replace('T', ' '),
    duration(seconds),
    accuracy === undefined ? '' : accuracyText(accuracy),
  ]);
  return columns([['run', 'state', 'started (UTC)', 'time', 'student'], ...rows], [3, 4]);
}
