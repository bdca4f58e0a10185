/** What fine-tuning leaves as it is (google-research/simclr, tf2/resnet.py, `fine_tune_after_block`; `head` is its 4). */
import type { Recipe } from '../../contracts/recipe.ts';
import type { Network } from './network.ts';
import type { ParameterSpec } from './parameters.ts';

/** Which parameters learn, as the recipe says it. */
export type Trained = Recipe['finetune']['train'];

/**
 * Whether a parameter keeps its value; a frozen norm goes by its stored statistics. What is frozen stands before all that learns, so
 * no gradient passes through it.
 * @param name  of the parameter
 */
export function isFrozen(trained: Trained, name: string): boolean {
  if (trained === 'all' || !name.startsWith('encoder/')) return false;
  const group = Number(/^encoder\/group(\d)\//.exec(name)?.[1] ?? 0); // 0: the stem
  return trained === 'head' || group <= trained.afterGroup;
}

/** The parameters that are not frozen, statistics among them: what the optimizer of a fine-tuning is to know. */
export const trainedParameters = ({ parameters }: Network, trained: Trained): ParameterSpec[] =>
  parameters.filter(({ name }) => !isFrozen(trained, name));
