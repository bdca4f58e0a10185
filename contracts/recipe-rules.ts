/** Rules between the keys of a recipe, each of which is right by itself. */
import { hasBottlenecks, isTeachersSize } from './architecture.ts';
import type { Recipe } from './recipe.ts';
import { missedCrops, missedErasings } from './view-boxes.ts';

/** `path`: the key at fault; `between`: the keys that the rule compares. */
export type Mistake = { path: string[]; message: string; between: string[] };

/** AdamW moves every weight by about the rate itself; the rates of the others, which the defaults are, throw it far out. */
const ADAMW_BASE = 0.02;
/** Share of views without the box that their laws ask for, above which the laws contradict each other. */
const MOST_MISSED = 0.1;

/** Every rule that a recipe breaks. */
export function mistakesBetween(recipe: Recipe): Mistake[] {
  return [
    ...inLabels(recipe),
    ...inHeads(recipe),
    ...inViews(recipe),
    ...inRates(recipe),
    ...inTries(recipe),
    ...inParts(recipe),
    ...inNetworks(recipe),
  ];
}

/** The rule between the memory and the images to learn from, of which there are so many: it is known once they are listed. */
export function memoryMistake({ pretrain: { memory } }: Recipe, images: number): Mistake | undefined {
  if (memory.size < images) return undefined;
  const message = `must be below the ${images} images to learn from, as an image’s own would be among its negatives, got ${memory.size}`;
  return { path: ['pretrain', 'memory', 'size'], message, between: ['pretrain.memory', 'images'] };
}

function inLabels({ labels }: Recipe): Mistake[] {
  const { draws } = labels;
  const between = ['labels.fractions', 'labels.perClass', 'labels.file', 'labels.draws'];
  const given = (['fractions', 'perClass', 'file'] as const).filter((key) => labels[key] !== undefined);
  if (given.length > 1) {
    return [{ path: ['labels'], message: `must have one of fractions, perClass and file, got ${given.join(' and ')}`, between }];
  }
  return given.flatMap((key) => {
    const values = [labels[key]].flat();
    const repeats = new Set(values).size !== values.length;
    const isWrong = key === 'file' ? draws !== 1 : Array.isArray(draws) && draws.length !== values.length;
    const rule = key === 'file' ? '1, as a file leaves nothing to draw' : `one number, or one for each of the ${values.length} ${key}`;
    const got = Array.isArray(draws) ? `a list of ${draws.length}` : draws;
    return [
      ...(repeats ? [{ path: ['labels', key], message: 'must not repeat a value', between }] : []),
      ...(isWrong ? [{ path: ['labels', 'draws'], message: `must be ${rule}, got ${got}`, between }] : []),
    ];
  });
}

function inHeads({ pretrain: { headLayers }, finetune: { fromHeadLayer } }: Recipe): Mistake[] {
  if (fromHeadLayer === 0 || fromHeadLayer < headLayers) return [];
  const rule = headLayers > 0 ? `below pretrain.headLayers (${headLayers})` : '0 where pretrain.headLayers is 0';
  const between = ['pretrain.headLayers', 'finetune.fromHeadLayer'];
  return [{ path: ['finetune', 'fromHeadLayer'], message: `must be ${rule}, got ${fromHeadLayer}`, between }];
}

function inViews({ views, images: { size } }: Recipe): Mistake[] {
  const { minArea, maxArea, aspect, erasing } = views;
  if (minArea > maxArea) {
    const message = `must be at least views.minArea (${minArea}), got ${maxArea}`;
    return [{ path: ['views', 'maxArea'], message, between: ['views.minArea', 'views.maxArea'] }];
  }
  const into = `fit into images.size (${size} px)`;
  const [missed, unerased] = [missedCrops(views, size), erasing > 0 ? missedErasings(views, size) : 0];
  const crops = {
    path: ['views', 'minArea'],
    message: `must let boxes of whole pixels up to views.maxArea (${maxArea}) and of views.aspect [${aspect.join(', ')}] ${into}, got ${minArea}: ${percent(missed)} of the views would be the middle of the image instead`,
    between: ['views.crop', 'views.minArea', 'views.maxArea', 'views.aspect', 'images.size'],
  };
  const isOfAspect = missedErasings({ ...views, erasingAspect: [1, 1] }, size) <= MOST_MISSED; // square boxes would do
  const [ofBox, other] = isOfAspect ? (['erasingAspect', 'erasingArea'] as const) : (['erasingArea', 'erasingAspect'] as const);
  const boxes = {
    path: ['views', ofBox],
    message: `must let boxes of whole pixels and of views.${other} [${views[other].join(', ')}] ${into}, got [${views[ofBox].join(', ')}]: ${percent(unerased)} of them would be left out`,
    between: ['views.erasing', 'views.erasingArea', 'views.erasingAspect', 'images.size'],
  };
  return [...(missed > MOST_MISSED ? [crops] : []), ...(unerased > MOST_MISSED ? [boxes] : [])];
}

const percent = (share: number) => `${Math.round(100 * share)} %`;

function inRates({ pretrain, finetune, distill }: Recipe): Mistake[] {
  const { baseline } = finetune;
  const sections = { pretrain, finetune, 'finetune.baseline': baseline, distill };
  const rates = Object.entries(sections).map(([section, { optimizer, learningRate }]) => ({
    section,
    optimizer,
    base: learningRate.base,
    path: ['learningRate', 'base'],
  }));
  const tries = (baseline.alsoTry ?? []).map((base, i) => ({
    section: 'finetune.baseline',
    optimizer: baseline.optimizer,
    base,
    path: ['alsoTry', String(i)],
  }));
  return [...rates, ...tries]
    .filter(({ optimizer, base }) => optimizer === 'adamw' && base > ADAMW_BASE)
    .map(({ section, base, path }) => ({
      path: [...section.split('.'), ...path],
      message: `must be ≤ ${ADAMW_BASE} with ${section}.optimizer adamw, such as 0.001 with scaling none, got ${base}`,
      between: [`${section}.optimizer`, `${section}.${path[0]}`],
    }));
}

function inTries({ finetune: { baseline } }: Recipe): Mistake[] {
  const { alsoTry = [], learningRate } = baseline;
  if (new Set([learningRate.base, ...alsoTry]).size === 1 + alsoTry.length) return [];
  const rule = `neither repeat a rate nor name finetune.baseline.learningRate.base (${learningRate.base}), which is tried anyway`;
  const message = `must ${rule}, got [${alsoTry.join(', ')}]`;
  return [{ path: ['finetune', 'baseline', 'alsoTry'], message, between: ['finetune.baseline'] }];
}

function inParts(recipe: Recipe): Mistake[] {
  const least = { pretrain: 2, finetune: 1, distill: 1 } as const;
  return (['pretrain', 'finetune', 'distill'] as const).flatMap((section) => {
    const { accumulate, batch } = recipe[section];
    if (accumulate * least[section] <= batch) return [];
    const rest = least[section] === 1 ? 'an image' : 'two images';
    const message = `must leave ${rest} of ${section}.batch (${batch}) to each part, got ${accumulate}`;
    return [{ path: [section, 'accumulate'], message, between: [`${section}.batch`, `${section}.accumulate`] }];
  });
}

function inNetworks({ encoder, distill: { student } }: Recipe): Mistake[] {
  const between = ['encoder.depth', 'distill.student'];
  const kernels = [
    { path: ['encoder'], ...encoder, between: ['encoder.depth', 'encoder.selectiveKernel'] },
    { path: ['distill', 'student'], ...student, depth: student.depth ?? encoder.depth, between },
  ];
  const misplaced = kernels
    .filter(({ selectiveKernel, depth }) => selectiveKernel && !hasBottlenecks(depth))
    .map(({ path, depth, between }) => ({
      path: [...path, 'selectiveKernel'],
      message: `must be false below depth 50, whose blocks have no place for it, got true at depth ${depth}`,
      between,
    }));
  if (student.start !== 'representation' || isTeachersSize(encoder, student)) return misplaced;
  const message = 'must be auto or nothing for a student whose network is not the encoder’s, got representation';
  return [...misplaced, { path: ['distill', 'student', 'start'], message, between: ['encoder', 'distill.student'] }];
}
