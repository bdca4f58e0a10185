/**
 * A tiny output of every stage, for `versions.test.ts`. `exact` is the digest of what is the same on every machine; `close` are numbers that
 * the last bits of a processor's arithmetic may move, by `within` at most. What a stage merely takes over (`start`, a file as it was
 * given; `set`, the list of its shards) has no output of its own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StageName } from '../../contracts/artifacts.ts';
import type { Architecture, DistillJob, FinetuneJob, PretrainJob } from '../../contracts/trainer.ts';
import { plainViews, viewSettings } from '../../contracts/views.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { holdOut } from '../../learning/images/hold-out.ts';
import { drawLabels } from '../../learning/images/labels.ts';
import { planShards } from '../../learning/images/plan.ts';
import { writeShard } from '../../learning/images/shards.ts';
import { distill } from '../../learning/loops/distill.ts';
import { finetune } from '../../learning/loops/finetune.ts';
import { pretrain } from '../../learning/loops/pretrain.ts';
import { Tally } from '../../learning/loops/tally.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { saveModel } from '../../learning/state.ts';
import { tf } from '../../learning/tensorflow.ts';
import { drawViews } from '../../learning/views/draw.ts';
import { renderViews } from '../../learning/views/render.ts';
import { renderReport } from '../../report/report.ts';
import { sha256 } from '../../store/digest.ts';
import { countedState } from '../golden/counted.ts';
import { cifarBatch } from '../learning/images/make-sources.ts';
import { architecture, CLASSES, pixelsOf, SIZE, scratch, settings, supply, surroundings } from '../learning/loops/scratch.ts';
import { sampleInput } from '../report/sample.ts';

export type Output = { exact?: string; close?: number[]; within?: number };

const digestOf = (value: unknown) => sha256(JSON.stringify(value));

export const OUTPUTS: Record<Exclude<StageName, 'start' | 'set'>, () => Promise<Output>> = {
  async plan() {
    const { header, chunks } = await cifarPlan();
    const { fingerprint: _, ...told } = header; // of the times of files
    return { exact: digestOf([told, chunks.map(({ role, images }) => [role, images])]) };
  },

  async shards() {
    const { header, chunks, folder } = await cifarPlan(true);
    const shards = await Promise.all(chunks.map((chunk) => writeShard(chunk, header.size, openFolder)));
    await rm(folder, { recursive: true });
    return { exact: digestOf(shards.map(({ bytes }) => sha256(bytes))) };
  },

  async views() {
    const ids = ['first', 'second'];
    const jittered = viewSettings(settings({ views: { blur: true, verticalFlip: 0.5, solarize: 0.5, erasing: 0.5 } }).views, SIZE);
    const plain = drawViews(viewSettings(settings().views, SIZE), 1, 3, ids, 2, SIZE);
    const drawn = [plain, drawViews(jittered, 1, 3, ids, 2, SIZE)];
    const exact = digestOf(
      drawn.map((views) => Object.entries(views).map(([name, value]) => [name, Array.from(value as ArrayLike<number>)])),
    );
    const data = new Uint8Array([...pixelsOf(0), ...pixelsOf(1)]);
    const { data: pixels } = renderViews({ dtype: 'uint8', shape: [2, SIZE, SIZE, 3], data }, plain);
    return { exact, close: Array.from(pixels), within: 1 };
  },

  async representation() {
    return trained(0.01, async (folder) => {
      const shards = await supply(folder, { images: 16, perShard: 8, epochs: 2, views: 2 });
      const { pretrain: section, compute } = settings({
        pretrain: { epochs: 2, batch: 8, projection: 16, headLayers: 2, warmupEpochs: 0 },
      });
      const job: PretrainJob = {
        kind: 'pretrain',
        architecture: architecture(),
        pretrain: section,
        shards,
        untilEpoch: 2,
        seed: 1,
        ...compute,
      };
      const around = surroundings(folder, Infinity, 'eager');
      await pretrain(job, around);
      return around;
    });
  },

  async classifier() {
    const train = (baseline: boolean) =>
      trained(1e-4, async (folder) => {
        const shards = await supply(folder, { images: 16, perShard: 8, epochs: 2 });
        await writeModel(join(folder, 'in', 'representation.safetensors'), architecture());
        const rate = { learningRate: { base: 0.5, scaling: 'none' as const } }; // so that the losses move
        const { finetune: section, compute } = settings({ finetune: { epochs: 2, atLeastSteps: 0, batch: 8, ...rate, baseline: rate } });
        const what = { architecture: CLASSIFIER, baseline, finetune: section, views: plainViews('finetune') };
        const job: FinetuneJob = { kind: 'finetune', ...what, shards, seed: 1, ...compute };
        const around = surroundings(folder, Infinity, 'eager');
        await finetune(job, around);
        return around;
      });
    const [classifier, baseline] = [await train(false), await train(true)];
    return { ...classifier, close: [...classifier.close, ...baseline.close] };
  },

  async student() {
    return trained(1e-4, async (folder) => {
      const shards = await supply(folder, { images: 16, perShard: 8, epochs: 2 });
      await writeModel(join(folder, 'in', 'teacher.safetensors'), CLASSIFIER);
      const { distill: section, compute } = settings({
        distill: { epochs: 2, batch: 8, warmupEpochs: 0, learningRate: { base: 0.1, scaling: 'none' } },
      });
      const student = architecture({ classes: CLASSES, headLayers: 0 });
      const networks = { teacher: CLASSIFIER, architecture: student, pretrained: false };
      const job: DistillJob = {
        kind: 'distill',
        ...networks,
        distill: section,
        views: plainViews('distill'),
        shards,
        untilEpoch: 2,
        seed: 1,
        ...compute,
      };
      const around = surroundings(folder, Infinity, 'eager');
      await distill(job, around);
      return around;
    });
  },

  async labels() {
    const labels = Int32Array.from({ length: 600 }, (_, i) => (i % 7 === 0 ? -1 : i % 5));
    const draws = [{ fraction: 0.1 }, { perClass: 3 }].map((share) => drawLabels(labels, 5, { ...share, draw: 1 }, 1));
    const { training, heldOut } = holdOut(labels, drawLabels(labels, 5, { fraction: 1, draw: 1 }, 1), 0.2, 1, 1);
    return { exact: digestOf([...draws, training, heldOut].map((positions) => [...positions])) };
  },

  async evaluation() {
    const tally = new Tally(['baseline', 'classifier', 'student'], 3, 200);
    for (let i = 0; i < 200; i++) {
      const sure = (right: boolean, by: number) => [0, 1, 2].map((c) => (c === (i + Number(!right)) % 3 ? by : (1 - by) / 2));
      const answers = [sure(i % 2 === 0, 0.5), sure(i % 3 > 0, 0.7), sure(i % 5 > 0, 0.8)];
      tally.count({ id: String(i), label: i % 3, pixels: new Uint8Array() }, answers);
    }
    const scores = tally.scores(0, { graded: true });
    return { exact: digestOf(namesIn(scores)), close: numbersIn(scores), within: 1e-6 };
  },

  // Plots and pictures depend on how numbers are rounded, and the recipe is part of the key.
  async report() {
    const page = await renderReport(sampleInput());
    const text = page.replaceAll(/<svg.*?<\/svg>|<pre>.*?<\/pre>/gs, '').replaceAll(/data:image\/png;base64,[^"]*/g, '');
    return { exact: sha256(text) };
  },
};

const CLASSIFIER = architecture({ classes: CLASSES, headLayers: 1 });

/** Batches of CIFAR-10's format, whose pixels no decoder touches. */
async function cifarPlan(keep = false) {
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-golden-'));
  await writeFile(join(folder, 'data_batch_1.bin'), cifarBatch(Array.from({ length: 20 }, (_, i) => i % 4)));
  await writeFile(join(folder, 'test_batch.bin'), cifarBatch([0, 1, 2, 3]));
  const { images } = settings({ images: { train: folder, test: folder } });
  const plan = await planShards({ images, seed: 1, openTree: openFolder });
  if (!keep) await rm(folder, { recursive: true });
  return { header: plan.header, chunks: [...plan.chunks], folder };
}

async function writeModel(file: string, of: Architecture): Promise<void> {
  const { parameters } = networkOf(of);
  const state = countedState(parameters);
  await saveModel(file, state, parameters, of);
  tf.dispose(state);
}

/**
 * The losses of a training. One whose weights are others has another loss at the next step.
 * @param within  several times what oneDNN's kernels for SSE4.1 and for AVX-512 differ by: 0.0026 in pretraining, 0.000003 elsewhere
 */
async function trained(
  within: number,
  train: (folder: string) => Promise<ReturnType<typeof surroundings>>,
): Promise<Required<Omit<Output, 'exact'>>> {
  const { heard } = await train(await scratch());
  return { close: heard.checkpoints.at(-1)?.curve.map(({ loss }) => loss) ?? [], within };
}

/** Every number of plain data, in the order of its names. */
function numbersIn(data: unknown): number[] {
  if (typeof data === 'number') return [data];
  return typeof data === 'object' && data ? Object.values(data).flatMap(numbersIn) : [];
}

/** What is measured, without the numbers. */
function namesIn(data: unknown): unknown {
  if (typeof data !== 'object' || !data) return typeof data;
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  return entries.map(([name, value]) => [name, namesIn(value)]);
}
