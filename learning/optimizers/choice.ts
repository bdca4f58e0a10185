/** The optimizers a recipe can name. */
import type { Recipe } from '../../contracts/recipe.ts';
import type { ParameterSpec } from '../networks/parameters.ts';
import { adamw } from './adamw.ts';
import { lars } from './lars.ts';
import { momentum } from './momentum.ts';
import type { Optimizer, Settings } from './optimizer.ts';

const OPTIMIZERS = { lars, momentum, adamw };

/** @param name  as the recipe says it */
export function optimizerOf(name: Recipe['pretrain']['optimizer'], parameters: ParameterSpec[], settings: Settings): Optimizer {
  return OPTIMIZERS[name](parameters, settings);
}
