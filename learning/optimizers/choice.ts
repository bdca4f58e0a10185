/** The optimizers a recipe can name. */
import type { Recipe } from '../../contracts/recipe.ts';
import type { ParameterSpec } from '../networks/parameters.ts';
import { lars } from './lars.ts';
import { momentum } from './momentum.ts';
import type { Optimizer, Settings } from './optimizer.ts';

const OPTIMIZERS = { lars, momentum };

/** @param name  as the recipe says it */
export function optimizerOf(name: Recipe['pretrain']['optimizer'], parameters: ParameterSpec[], settings: Settings): Optimizer {
  return OPTIMIZERS[name](parameters, settings);
}
