/** How the views of pretraining are drawn: settled alike by the activities and the command line. */
import type { Recipe } from './recipe.ts';
import type { ViewSettings } from './trainer.ts';

/** `auto` settled: SimCLR leaves blur out for CIFAR-10, so it is on above 32 px. Who renders them is no part of them. */
export function viewSettings(views: Recipe['views'], size: number): ViewSettings {
  return { jitter: views.jitter, minArea: views.minArea, blur: views.blur === 'auto' ? size > 32 : views.blur, kind: 'simclr' };
}
