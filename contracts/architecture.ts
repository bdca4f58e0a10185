/** Which networks a recipe asks for. */
import type { EncoderRecipe, Recipe } from './recipe.ts';
import type { Architecture } from './trainer.ts';

type Head = Pick<Architecture, 'headLayers' | 'projection' | 'classes'>;

/** `auto` settled: the small stem serves images up to 64 px. */
function architecture({ depth, width, stem }: EncoderRecipe, size: number, head: Head): Architecture {
  return { encoder: { depth, width, stem: stem === 'auto' ? (size <= 64 ? 'small' : 'imagenet') : stem }, ...head, size };
}

type Pretrained = { encoder: EncoderRecipe; pretrain: Pick<Recipe['pretrain'], 'headLayers' | 'projection'> };

/** The encoder with its whole projection head. @param size  side of the images, pixels */
export function representationArchitecture({ encoder, pretrain: { headLayers, projection } }: Pretrained, size: number): Architecture {
  return architecture(encoder, size, { headLayers, projection, classes: 0 });
}

/** The encoder with the head layers that fine-tuning keeps, and a classifier. */
export function classifierArchitecture(
  { encoder, pretrain, finetune }: Pretrained & Pick<Recipe, 'finetune'>,
  size: number,
  classes: number,
): Architecture {
  return architecture(encoder, size, { headLayers: finetune.fromHeadLayer, projection: pretrain.projection, classes });
}

/** The student's encoder and a classifier; its size is the teacher's unless the recipe says otherwise. */
export function studentArchitecture(
  { encoder, distill: { student } }: { encoder: EncoderRecipe } & Pick<Recipe, 'distill'>,
  size: number,
  classes: number,
): Architecture {
  const settled = { ...encoder, depth: student.depth ?? encoder.depth, width: student.width ?? encoder.width };
  return architecture(settled, size, { headLayers: 0, projection: 2, classes });
}
