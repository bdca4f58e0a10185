/**
 * The recipe: the one page a person writes. Sections stand in pipeline order, every key but `name` and `images` has a default, its unit in
 * its name or beside it. Where the numbers come from: temperature, rate and projection of pretraining are the small-batch advice of SimCLR's
 * author (google-research/simclr#166), its weight decay the README's for CIFAR-10, its three head layers SimCLRv2's (section 3.3), as is
 * `fromHeadLayer`; views are SimCLR's for CIFAR-10 (appendices A and B.9), fine-tuning's rate is SimCLR's (appendix B.5). Epochs, steps, the
 * baseline and distillation are this project's own choice, for hours on a laptop.
 */
import { z } from 'zod';
import { Retention } from './artifacts.ts';
import { Fraction, Images, type Source } from './images.ts';
import { mistakesBetween } from './recipe-rules.ts';
import { Views } from './views.ts';

const Epochs = z.int().min(1).max(100_000);
const NoEpochs = z.int().min(0).max(100_000).default(0);
const LearningRate = z.strictObject({
  base: z.number().positive().max(1_000),
  scaling: z.enum(['sqrt', 'linear', 'none']).default('sqrt').describe('peak = base·√batch, base·batch/256, or base as it is'),
});

const Path = z.string().min(1);
const Labels = z
  .strictObject({
    fractions: z.array(Fraction).min(1).optional().describe('shares of each class; without perClass and file [0.05, 0.1, 1]'),
    perClass: z
      .array(z.int().min(1).max(1_000_000))
      .min(1)
      .optional()
      .describe('in place of fractions: images of each class, or all it has'),
    file: z
      .union([Path, z.array(Path).min(1)])
      .optional()
      .describe('in place of fractions: one image id a line, its path below the folder; of several files each is used by itself'),
    draws: z
      .union([z.int().min(1).max(100), z.array(z.int().min(1).max(100)).min(1)])
      .default(1)
      .describe('label draws at each fraction or count, or one number for each; where all labels are taken there is one draw only'),
    graded: z
      .boolean()
      .default(false)
      .describe(
        'whether the classes are grades, such as of a disease, in the order of their names: the report then has the weighted kappa',
      ),
    calibration: z
      .number()
      .min(0)
      .max(0.5)
      .default(0)
      .describe(
        'share of the drawn labels kept from training, to make the student’s probabilities honest; none where they would be fewer than 50',
      ),
  })
  .overwrite(({ fractions, ...rest }) => {
    const isElsewhere = rest.perClass !== undefined || rest.file !== undefined;
    return { ...(fractions || !isElsewhere ? { fractions: fractions ?? [0.05, 0.1, 1] } : {}), ...rest };
  });

const Depth = z.literal([18, 34, 50, 101, 152, 200]);
const Width = z.number().min(0.0625).max(4);
const Encoder = z.strictObject({
  depth: Depth.default(18),
  width: Width.default(0.5).describe(
    'multiplies the channels of every layer; those of 0.25, 0.5, 1 … are fast, others slow: 0.375 takes longer than 0.5',
  ),
  stem: z.enum(['auto', 'small', 'imagenet']).default('auto').describe('auto: small (3×3, no pooling) up to 64 px'),
  selectiveKernel: z
    .boolean()
    .default(false)
    .describe('SimCLRv2’s SK networks, half as costly again: ratio 0.0625, stem and shortcuts of ResNet-D; from depth 50 on'),
  shortcut: z
    .enum(['simclr', 'torchvision'])
    .default('simclr')
    .describe('simclr projects in the first block of every group; torchvision not in group 1 of depth 18 and 34'),
  padding: z
    .enum(['simclr', 'torchvision'])
    .default('simclr')
    .describe('of the imagenet stem’s pool where a side is even: right and below only, or all around; convolutions are alike'),
  colours: z
    .enum(['simclr', 'torchvision'])
    .default('simclr')
    .describe('of the input: 0 to 1, or minus ImageNet’s mean, divided by its deviation, as torchvision’s weights were taught'),
});

const Optimizer = z.enum(['lars', 'momentum', 'adamw']);

const Memory = z.strictObject({
  size: z
    .int()
    .min(0)
    .max(1_048_576)
    .default(0)
    .describe(
      'K, projections of past batches as further negatives; 0: none. Well below the images there are: an image’s own would be among them',
    ),
  decay: z.number().min(0).max(1).default(0.999).describe('m, how slowly the averaged encoder that projects them follows the trained one'),
});

const Accumulate = z.int().min(1).max(1024).default(1);

const Pretrain = z.strictObject({
  start: z
    .string()
    .min(1)
    .optional()
    .describe(
      'a .safetensors file whose encoder pretraining starts from: of `npx fewlabels export`, or with the names of PyTorch’s ResNet; torchvision’s own want encoder.shortcut, padding and colours torchvision',
    ),
  epochs: Epochs.default(20),
  batch: z.int().min(2).max(65_536).default(64).describe('N images a step; the loss sees 2N views'),
  temperature: z.number().positive().max(10).default(0.2),
  headLayers: z.int().min(0).max(3).default(3).describe('layers of the projection head; with 0 the features themselves are compared'),
  projection: z.int().min(2).max(4096).default(64).describe('width of the projection'),
  optimizer: Optimizer.default('lars'),
  learningRate: LearningRate.default({ base: 0.2, scaling: 'sqrt' }),
  weightDecay: z.number().min(0).max(1).default(1e-4),
  warmupEpochs: z.number().min(0).default(1),
  accumulate: Accumulate.describe(
    'parts of a batch, one after the other, in the memory of one: the loss still compares all 2N views; batch norm sees a part at a time, and a step takes a third longer',
  ),
  memory: Memory.prefault({}).describe(
    'SimCLRv2’s memory (MoCo): more negatives than a batch has; worth about a point, and less for a large batch',
  ),
  segmentEpochs: z
    .union([z.literal('auto'), Epochs])
    .default('auto')
    .describe('K, the epochs of one segment; auto: as many as pass 20,000 images'),
  probeEpochs: NoEpochs.describe(
    'after every so many epochs, and the last one, nearest neighbours and a linear probe score the features on labelled images kept for that; changes no weight; 0: never',
  ),
});

const Finetune = z.strictObject({
  train: z
    .union([z.enum(['all', 'head']), z.strictObject({ afterGroup: z.int().min(0).max(3) })])
    .default('all')
    .describe('all; {afterGroup: n}, what follows group n of the encoder (0: its stem); head, the kept head layers and the classifier'),
  fromHeadLayer: z.int().min(0).max(2).default(1).describe('head layers kept: 1 for few labels (SimCLRv2), 0 drops the head'),
  epochs: Epochs.default(30),
  atLeastSteps: z.int().min(0).max(1_000_000).default(200).describe('so that fifty images get a training worth the name'),
  batch: z.int().min(2).max(65_536).default(64),
  optimizer: Optimizer.default('momentum'),
  learningRate: LearningRate.default({ base: 0.05, scaling: 'linear' }),
  headLearningRateFactor: z
    .number()
    .min(0.001)
    .max(1_000)
    .default(1)
    .describe('the new classification layer learns at so many times learningRate: below 1 slower than the rest'),
  classifierInit: z
    .enum(['zeros', 'uniform'])
    .default('zeros')
    .describe('first weights of the classification layer: 0, as SimCLR’s; or within ±1/√features, as PyTorch’s'),
  weightDecay: z.number().min(0).max(1).default(0),
  accumulate: Accumulate.describe(
    'parts of a batch, one after the other, in the memory of one: the same gradient but for batch norm and the contrastive loss, which see a part at a time; batch norm goes by the statistics of pretraining where a part has fewer than 16 images',
  ),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe('ε: so much of the target is spread over all classes'),
  classWeights: z
    .enum(['none', 'balanced'])
    .default('none')
    .describe('balanced: an image counts n / (C·n_c), so that every class has the same say, however few its labelled images'),
  contrastive: z
    .strictObject({
      weight: z.number().min(0).lt(1).default(0).describe('share of the loss; the rest is cross-entropy'),
      temperature: z.number().positive().max(10).default(0.1),
    })
    .prefault({})
    .describe('supervised contrastive loss (Khosla et al. 2020): images of a class attract; on what the classifier sees'),
  stopping: z
    .strictObject({
      patience: NoEpochs.describe('epochs without a better one after which the training ends; 0: no early stopping'),
      holdOut: z.number().gt(0).max(0.5).default(0.2).describe('share of each class’s drawn labels to judge epochs by, not learnt from'),
    })
    .prefault({})
    .describe(
      'early stopping, of the baseline too: after each epoch the labelled images held out are asked, and the weights of the best epoch are kept, by balanced accuracy with balanced classWeights; takes 25 labelled images of every class and 50 held out, with fewer there is none',
    ),
  baseline: z
    .strictObject({
      optimizer: Optimizer.default('momentum'),
      learningRate: LearningRate.default({ base: 0.1, scaling: 'linear' }),
      weightDecay: z.number().min(0).max(1).default(5e-4),
      alsoTry: z
        .array(z.number().positive().max(1_000))
        .min(1)
        .optional()
        .describe(
          'more values for learningRate.base: the best on a fifth of the labelled images, kept back, is used; below 500 none is tried',
        ),
    })
    .prefault({})
    .describe(
      'the same network and labels from nothing: same budget, its own optimizer and rate, as LARS at a rate of fine-tuning hardly moves it',
    ),
});

const Distill = z.strictObject({
  student: z
    .strictObject({
      depth: Depth.optional(),
      width: Width.optional(),
      selectiveKernel: z.boolean().optional(),
      start: z
        .enum(['auto', 'representation', 'nothing'])
        .default('auto')
        .describe('auto: from the representation when the size is the same'),
    })
    .prefault({})
    .describe('default: the teacher’s network; one of depth 18 or 34 never has selective kernels'),
  teachers: z
    .int()
    .min(1)
    .max(20)
    .optional()
    .describe('classifiers that teach together, their answers averaged: fine-tuned on the same labels from other seeds; 1 without it'),
  epochs: Epochs.default(20),
  batch: z.int().min(2).max(65_536).default(64),
  temperature: z.number().positive().max(100).default(1),
  labelled: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe(
      'weight of the labelled term: cross-entropy on those images of a batch that have a label, which with few labels are none or one',
    ),
  optimizer: Optimizer.default('momentum'),
  learningRate: LearningRate.default({ base: 0.1, scaling: 'linear' }),
  weightDecay: z.number().min(0).max(1).default(1e-4),
  warmupEpochs: z.number().min(0).default(1),
  accumulate: Accumulate.describe(
    'parts of a batch, one after the other, in the memory of one: the same gradient but for batch norm, which sees a part at a time',
  ),
});

const Compute = z.strictObject({
  threads: z
    .union([z.literal('auto'), z.int().min(1).max(1024)])
    .default('auto')
    .describe('threads of a trainer; part of what decides the bits'),
  precision: z
    .enum(['auto', 'float32', 'bfloat16'])
    .default('auto')
    .describe('of convolutions and products while training; auto: bfloat16 where the hardware has it; weights stay float32'),
  compiled: z.boolean().default(true).describe('steps as one TensorFlow function; false runs them op by op, to look for mistakes'),
  checkpointSeconds: z.number().positive().max(86_400).default(60).describe('work repeated after a failure, at most'),
  lostAfterSeconds: z.number().min(3).max(3600).optional().describe('silence after which a worker is lost; 30 where it is missing'),
  keepCheckpoints: Retention.optional().describe('those that stay while a training goes on; the newest two where it is missing'),
});

/** A recipe with every default filled in. Unknown keys are mistakes. */
export const Recipe = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens, at most 63'),
    images: Images,
    labels: Labels.prefault({}),
    encoder: Encoder.prefault({}),
    views: Views.prefault({}),
    pretrain: Pretrain.prefault({}),
    finetune: Finetune.prefault({}),
    distill: Distill.prefault({}),
    seed: z
      .int()
      .min(0)
      .max(2 ** 32 - 1)
      .default(1),
    compute: Compute.prefault({}),
  })
  // `between` names the keys a rule compares: the command line looks at it even while other keys are wrong
  .superRefine((recipe, context) => {
    if (context.issues.length > 0) return; // a key out of its bounds: rules between keys count on them
    for (const { path, message, between } of mistakesBetween(recipe))
      context.addIssue({ code: 'custom', path, message, params: { between } });
  });

export type Recipe = z.infer<typeof Recipe>;
export type RecipeInput = z.input<typeof Recipe>;
export type ImageSource = z.infer<typeof Source>;
export type EncoderRecipe = Recipe['encoder'];
export type LearningRate = z.infer<typeof LearningRate>;

/** Which labels are used: a share of each class, so many of each class, or those of the images that a file names. */
export type LabelShare = { fraction: number } | { perClass: number } | { file: string };
/** One label draw: which labels, and which of the seeded draws of them. */
export type LabelDraw = LabelShare & { draw: number };

/**
 * Every label draw of a recipe, fewest labels first, files as they stand. A fraction of 1 and a file have no choice, hence one draw; a run
 * leaves out the further draws of a count, too, that turns out to take all labels there are.
 */
export function labelDraws({ fractions = [], perClass, file, draws }: Omit<Recipe['labels'], 'graded' | 'calibration'>): LabelDraw[] {
  if (file !== undefined) return [file].flat().map((path) => ({ file: path, draw: 0 }));
  return (perClass ?? fractions)
    .map((amount, i) => ({ amount, count: !perClass && amount === 1 ? 1 : Array.isArray(draws) ? (draws[i] ?? 1) : draws }))
    .sort((a, b) => a.amount - b.amount)
    .flatMap(({ amount, count }) =>
      Array.from({ length: count }, (_, draw) => (perClass ? { perClass: amount, draw } : { fraction: amount, draw })),
    );
}
