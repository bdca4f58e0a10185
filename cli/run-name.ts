/** Which run a person means. */
import { stat } from 'node:fs/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import { WORKFLOW_TYPE } from '../contracts/queues.ts';
import type { RunResult } from '../contracts/scores.ts';
import { keyMissingIn } from '../infra/temporal/codec.ts';
import { failureOf } from './failure-text.ts';
import { BadInput } from './problem.ts';
import { readRecipe, runId } from './recipe-file.ts';
import type { Session } from './session.ts';
import { isOpen } from './watch.ts';

/**
 * The id of a run, from the id itself, a recipe file, or a recipe's name (its newest run).
 * @throws BadInput when there is none
 */
export async function findRun({ client }: Session, text: string, variables: Record<string, string | undefined>): Promise<string> {
  const id = /\.ya?ml$/i.test(text) && (await stat(text).catch(() => undefined)) ? runId(await readRecipe(text, variables)) : text;
  try {
    await client.workflow.getHandle(id).describe();
    return id;
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
  const name = text.replaceAll(/['"\\]/g, '');
  for await (const { workflowId } of client.workflow.list({
    query: `WorkflowType = '${WORKFLOW_TYPE}' AND FewlabelsRecipe = '${name}'`,
    pageSize: 1,
  }))
    return workflowId;
  throw new BadInput(`Cannot find run "${text}" as there is none of that id, recipe file or recipe name: \`npx fewlabels list\` shows all`);
}

/** The result of a finished run. @throws BadInput when it has none */
export async function resultOf({ client }: Session, run: string): Promise<RunResult> {
  const handle = client.workflow.getHandle(run);
  const { status } = await handle.describe();
  if (isOpen(status.name))
    throw new BadInput(`Cannot take results as the run must be finished: ${run} is running (\`npx fewlabels status ${run}\`)`);
  try {
    return (await handle.result()) as RunResult;
  } catch (error) {
    if (keyMissingIn(error)) throw error;
    throw new BadInput(
      `Cannot take results as the run must have ended well: ${run} ${failureOf(error).state}: ${failureOf(error).message}`,
    );
  }
}
