/** Start the run of a recipe, or find that it is going already. */
import { type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { stringify } from 'yaml';
import { summaryText } from '../contracts/progress.ts';
import { QUEUES, WORKFLOW_TYPE } from '../contracts/queues.ts';
import type { Recipe } from '../contracts/recipe.ts';
import { reasonOf, type Session } from './session.ts';
import { sourcesOf, sourceText } from './sources.ts';
import { isOpen } from './watch.ts';

/**
 * One recipe has one running run: a second start attaches to the first. A finished one may be started again.
 * @returns whether it was running already
 */
export async function start({ client }: Session, recipe: Recipe, run: string): Promise<{ attached: boolean }> {
  const attached = await isRunning(client.workflow.getHandle(run));
  if (attached) return { attached };
  const [train] = sourcesOf(recipe).map(sourceText);
  await client.workflow
    .start(WORKFLOW_TYPE, {
      taskQueue: QUEUES.pipeline,
      workflowId: run,
      args: [recipe],
      workflowIdConflictPolicy: 'USE_EXISTING', // whoever was faster
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      staticSummary: summaryText(`${recipe.name}: images from ${train}`),
      staticDetails: detailsOf(recipe),
      typedSearchAttributes: new TypedSearchAttributes([
        { key: defineSearchAttributeKey('FewlabelsRecipe', 'KEYWORD'), value: recipe.name },
        { key: defineSearchAttributeKey('FewlabelsDataset', 'KEYWORD'), value: (train ?? '').slice(-255) },
      ]),
    })
    .catch((error: Error) => {
      throw new Error(
        `Cannot start ${run} as the Temporal server must accept it: ${reasonOf(error.cause instanceof Error ? error.cause : error)}`,
      );
    });
  return { attached };
}

async function isRunning(handle: WorkflowHandle): Promise<boolean> {
  try {
    return isOpen((await handle.describe()).status.name);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Markdown for the run's page in the Temporal UI, which takes 20 kB. */
function detailsOf(recipe: Recipe): string {
  const images = sourcesOf(recipe).map((source) => `- \`${sourceText(source).replaceAll('`', "'")}\``);
  return [
    `**${recipe.name}**, seed ${recipe.seed}`,
    '',
    'Images',
    ...images.slice(0, 20),
    '',
    '```yaml',
    stringify(recipe).trimEnd().slice(0, 12_000),
    '```',
  ].join('\n');
}
