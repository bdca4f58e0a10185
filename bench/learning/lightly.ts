/** The peer's side: the images as ours decodes them and the labels as ours draws them, handed to a plain script of lightly's. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { labelDraws, type Recipe } from '../../contracts/recipe.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { drawLabels } from '../../learning/images/labels.ts';
import { planShards } from '../../learning/images/plan.ts';
import { readShard, type Shard, writeShard } from '../../learning/images/shards.ts';
import { planTraining } from '../../learning/plan.ts';
import { encodeSafetensors } from '../../learning/safetensors.ts';
import { sha256 } from '../../store/digest.ts';
import type { Tools } from '../benchmark.ts';
import { startChild } from '../children.ts';
import { peerEnvironment } from '../peers.ts';
import { digestOfDraws, gathered, type Measured, type Plan, RATES, type Scored } from './protocol.ts';

const SCRIPT = fileURLToPath(new URL('../peers/lightly_learning.py', import.meta.url));

/** One label draw: places of its images in the pool, and the budget that fine-tuning has for them. */
type Draw = { fraction: number; draw: number; positions: number[]; batch: number; steps: number };
/** What the script prints besides progress. */
type Said = {
  workers?: number;
  trial?: number;
  scores?: (Omit<Scored, 'accuracies' | 'rate'> & { accuracy: number; rate: number | null })[];
};

/** The clock runs from the start of the process to the end of pretraining; decoding, and the choice of loader workers, do not count. */
export async function measureLightly({ recipe }: Plan, seed: number, tools: Tools): Promise<Measured> {
  const folder = await mkdtemp(join(tools.scratch, 'lightly-'));
  try {
    const labels = await writeJob(folder, { ...recipe, seed });
    return { ...(await runScript(folder, tools)), labels };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runScript(folder: string, { python, say }: Tools): Promise<Omit<Measured, 'labels'>> {
  const interpreter = await python();
  const started = performance.now();
  const child = startChild(interpreter, [SCRIPT, folder], peerEnvironment(process.env));
  const said: Said & { at?: number } = {};
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  createInterface(child.stdout).on('line', (line) => {
    if (!line.startsWith('{')) return say(`  ${line}`);
    Object.assign(said, { at: said.at ?? performance.now() }, JSON.parse(line));
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  const { scores, workers, trial, at } = said;
  if (status !== 0 || !scores || at === undefined || trial === undefined)
    throw new Error(`Cannot compare as lightly's script must end well: status ${status}; it said\n${complaints}`);
  const all = scores.map(({ rate, ...one }) => ({ ...one, rate: rate ?? undefined }));
  return { pretraining: (at - started) / 1_000 - trial, workers, scores: gathered(all) };
}

/** Writes `job.json`, `pool.bin` and `test.bin`. @returns digest of the label draws */
export async function writeJob(folder: string, recipe: Recipe): Promise<string> {
  const { images, seed, encoder, views, pretrain } = recipe;
  const { header, chunks } = await planShards({ images, seed, openTree: openFolder });
  const decoded = async (role: 'pool' | 'test') => {
    const shards: Shard[] = [];
    for (const chunk of [...chunks].filter((one) => one.role === role))
      shards.push(readShard((await writeShard(chunk, images.size, openFolder)).bytes));
    await writeFile(join(folder, `${role}.bin`), Buffer.concat(shards.map(({ images: pixels }) => pixels)));
    return Int32Array.from(shards.flatMap(({ labels }) => [...labels]));
  };
  const [pool, test] = [await decoded('pool'), await decoded('test')];
  const classes = header.classes.length;
  const draws = drawsOf(recipe, pool, classes);
  const job = {
    seed,
    size: images.size,
    classes,
    width: encoder.width,
    views,
    pretrain,
    rates: RATES,
    pool: [...pool],
    test: [...test],
    draws,
  };
  await writeFile(join(folder, 'job.json'), JSON.stringify(job));
  return digestOfDraws(draws.map(({ positions }) => sha256(storedDraw(positions))));
}

/** The bytes that the pipeline keeps of a draw. */
function storedDraw(positions: number[]): Uint8Array {
  return encodeSafetensors({ positions: { dtype: 'int32', shape: [positions.length], data: Int32Array.from(positions) } });
}

/** Every label draw of the recipe, as the pipeline draws and trains it. @param labels  of the pool, in the order of its shards */
export function drawsOf({ labels: wanted, finetune, seed }: Recipe, labels: Int32Array, classes: number): Draw[] {
  return labelDraws(wanted).flatMap((one) => {
    if (!('fraction' in one)) return [];
    const positions = [...drawLabels(labels, classes, one, seed)];
    const { batch, steps } = planTraining({ ...finetune, images: positions.length });
    return [{ ...one, positions, batch, steps }];
  });
}
