/** How fast views are made on one core, from pixels that are decoded and from JPEG files. */
import { join } from 'node:path';
import type { Benchmark, Tools } from '../benchmark.ts';
import { compare, imagesPerSecond, type Measure } from '../comparison.ts';
import { contest, type Result, type Results, type Rounds } from '../contest.ts';
import { type Contestant, ours, peer } from '../contestant.ts';
import { writeJpegs, writePixels } from '../sample-images.ts';

const MAKERS = {
  'torchvision v1, PIL': 'v1-pil',
  'torchvision v2, PIL': 'v2-pil',
  'torchvision v2, tensors': 'v2-tensor',
  lightly: 'lightly',
};
const OURS = 'fewlabels';
const VIEWS = 2;

/** What each library would otherwise take more threads for: TensorFlow, sharp, BLAS. */
const ONE_THREAD = { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', UV_THREADPOOL_SIZE: '1', OMP_NUM_THREADS: '1' };
const onOneThread = (contestant: Contestant): Contestant => ({ ...contestant, environment: { ...contestant.environment, ...ONE_THREAD } });

/** Settings of views of one size, and what they must be worth. */
type Setting = { size: 32 | 224; images: number; sample: 'cifar10' | 'bloodcells'; goal: number };

const SETTINGS: Setting[] = [
  { size: 32, images: 1_024, sample: 'cifar10', goal: 4 },
  { size: 224, images: 64, sample: 'bloodcells', goal: 2 },
];

const fromPixels = ({ size, images, sample, goal }: Setting): Benchmark => ({
  name: `views-${size}`,
  about: `SimCLR views a second on one core, ${size} px, from decoded pixels`,
  async run(tools) {
    const file = join(tools.scratch, `pixels-${size}`);
    const count = tools.quick ? images / 8 : images;
    await writePixels(file, sample, count, size);
    const mine = ours(OURS, 'views.ts', [size, file]);
    const theirs = await peers(tools, (maker) => [maker, size, VIEWS, 'pixels', file]);
    const results = await contest([mine, ...theirs].map(onOneThread), roundsOf(tools), tools.say);
    const note =
      `one thread each; ${count} images of ${size} px to two views of ${size} px, uint8; jitter ${size > 32 ? 1 : 0.5}, ` +
      `${size > 32 ? 'blur' : 'no blur'}. lightly crops bilinearly${size > 32 ? ' and blurs by Pillow’s box filter' : ''}`;
    const more = { goal: { sense: 'atLeast', value: goal }, note } as const;
    return [compare(`views ${size} px`, results, [OURS], viewsPerSecond(count * VIEWS), more)];
  },
});

const JPEG = { size: 224, images: 64, epochs: 5, goal: 3 };

const fromFiles: Benchmark = {
  name: 'views-jpeg',
  about: 'SimCLR views of 224 px a second on one core, ten of each JPEG file of 500×375',
  async run(tools) {
    const { size, epochs, goal } = JPEG;
    const [folder, count, views] = [join(tools.scratch, 'jpeg'), tools.quick ? 4 : JPEG.images, JPEG.epochs * VIEWS];
    const bytes = await writeJpegs(folder, count);
    const mine = ours(OURS, 'views-jpeg.ts', [size, epochs, folder]);
    const usual = await peers(tools, (maker) => [maker, size, views, 'decode-per-view', folder]);
    const shared = await peers(tools, (maker) => [maker, size, views, 'decode-per-image', folder], ONCE);
    const results = await contest(
      [mine, ...usual, ...shared].map(onOneThread),
      { ...roundsOf(tools), perRound: 1, warmUps: 0, settle: 0 },
      tools.say,
    );
    const note =
      `one thread each; ${count} files of ${Math.round(bytes / 1_000)} kB; ours: a decode serves all ten views (to ${size} px, the middle square; five ` +
      `epochs of two views); peer: a decode a view, as a data loader does, and crops from all of 500×375; "decoded once": a decode serves all ten`;
    const measure = viewsPerSecond(count * views);
    const [rivals, others] = [pick(results, (name) => !name.endsWith(ONCE)), pick(results, (name) => name.endsWith(ONCE))];
    const row = compare('views from JPEG', rivals, [OURS], measure, { goal: { sense: 'atLeast', value: goal }, note });
    const decodedOnce = Object.entries(others).map(([name, result]) => [name, measure.of(result)]);
    return [{ ...row, others: { ...row.others, ...Object.fromEntries(decodedOnce) } }];
  },
};

/** Added to the name of a peer that decodes once. */
const ONCE = ', decoded once';

const pick = (results: Results, isWanted: (name: string) => boolean): Results =>
  Object.fromEntries(Object.entries(results).filter(([name]) => isWanted(name)));

async function peers({ python }: Tools, args: (maker: string) => (string | number)[], suffix = ''): Promise<Contestant[]> {
  const interpreter = await python();
  return Object.entries(MAKERS).map(([name, maker]) => peer(`${name}${suffix}`, interpreter, 'views.py', args(maker)));
}

const roundsOf = ({ quick }: Tools): Rounds =>
  quick ? { rounds: 2, perRound: 1, warmUps: 0, settle: 0 } : { rounds: 6, perRound: 2, warmUps: 4, settle: 1 };

const viewsPerSecond = (count: number): Measure<Result> => ({ ...imagesPerSecond(count), unit: 'views/s' });

export const viewBenchmarks: Benchmark[] = [...SETTINGS.map(fromPixels), fromFiles];
