/** Which networks a recipe asks for. */
import type { EncoderRecipe, Recipe } from './recipe.ts';
import type { Architecture } from './trainer.ts';

type Head = Pick<Architecture, 'headLayers' | 'projection' | 'classes'>;

/** Blocks of three convolutions, the only ones with a place for selective kernels. */
export const hasBottlenecks = (depth: EncoderRecipe['depth']): boolean => depth >= 50;

/** `auto` settled: the small stem serves images up to 64 px. What makes no difference to this network is left out. */
function architecture({ depth, width, stem: wanted, ...options }: EncoderRecipe, size: number, head: Head): Architecture {
  const stem = wanted === 'auto' ? (size <= 64 ? 'small' : 'imagenet') : wanted;
  const encoder: Architecture['encoder'] = { depth, width, stem };
  if (options.selectiveKernel && hasBottlenecks(depth)) encoder.selectiveKernel = true;
  if (options.shortcut === 'torchvision' && !hasBottlenecks(depth)) encoder.shortcut = 'torchvision';
  if (options.padding === 'torchvision' && stem === 'imagenet') encoder.padding = 'torchvision';
  if (options.colours === 'torchvision') encoder.colours = 'torchvision';
  return { encoder, ...head, size };
}

/**
 * Stands for the width of a projection where a network has none, so that no key depends on one: the recipe's default, as older artifacts
 * have it.
 */
const NO_PROJECTION = 64;

type Pretrained = { encoder: EncoderRecipe; pretrain: Pick<Recipe['pretrain'], 'headLayers' | 'projection'> };

/** The encoder with its whole projection head. @param size  side of the images, pixels */
export function representationArchitecture({ encoder, pretrain: { headLayers, projection } }: Pretrained, size: number): Architecture {
  return architecture(encoder, size, { headLayers, projection: headLayers > 0 ? projection : NO_PROJECTION, classes: 0 });
}

/** The encoder with the head layers that fine-tuning keeps, and a classifier. */
export function classifierArchitecture(
  { encoder, finetune }: { encoder: EncoderRecipe } & Pick<Recipe, 'finetune'>,
  size: number,
  classes: number,
): Architecture {
  return architecture(encoder, size, { headLayers: finetune.fromHeadLayer, projection: NO_PROJECTION, classes });
}

/** What the student's encoder is by the recipe: the teacher's, but for what is said of the student. */
export function studentEncoder(encoder: EncoderRecipe, { depth, width, selectiveKernel }: Recipe['distill']['student']): EncoderRecipe {
  return {
    ...encoder,
    depth: depth ?? encoder.depth,
    width: width ?? encoder.width,
    selectiveKernel: selectiveKernel ?? encoder.selectiveKernel,
  };
}

/** Whether a student has the size of its teacher, and its kernels, so that it can start from the same representation. */
export function isTeachersSize(encoder: EncoderRecipe, student: Partial<EncoderRecipe>): boolean {
  return (['depth', 'width', 'selectiveKernel'] as const).every((key) => (student[key] ?? encoder[key]) === encoder[key]);
}

/** The student's encoder and a classifier; its size is the teacher's unless the recipe says otherwise. */
export function studentArchitecture(
  { encoder, distill: { student } }: { encoder: EncoderRecipe } & Pick<Recipe, 'distill'>,
  size: number,
  classes: number,
): Architecture {
  return architecture(studentEncoder(encoder, student), size, { headLayers: 0, projection: 2, classes });
}
