/** A classifier's answers: images a second at several batch sizes, and peak memory at the largest. */
import type { Benchmark, Row, Tools } from '../benchmark.ts';
import { compare, compareMemory, imagesPerSecond } from '../comparison.ts';
import { contest, type Rounds } from '../contest.ts';
import { ours, peer } from '../contestant.ts';

const OURS = 'fewlabels compiled';
const [DEPTH, SIZE] = [18, 32];

export const inference: Benchmark = {
  name: 'inference',
  about:
    'ResNet-18 with a classifier, 32 px: bytes in, probabilities on the host out. torch in inference mode, channels_last; compiled with frozen weights.',
  async run(tools) {
    const batches = tools.quick ? [1, 8] : [1, 32, 256];
    const rows: Row[] = [];
    for (const images of batches) rows.push(...(await atBatch(images, images === batches.at(-1), tools)));
    return rows;
  },
};

async function atBatch(images: number, last: boolean, tools: Tools): Promise<Row[]> {
  const python = await tools.python();
  const setting = [DEPTH, SIZE, images];
  const results = await contest(
    [
      ours(OURS, 'inference.ts', [...setting, 'float32']),
      ours('fewlabels eager', 'inference.ts', [...setting, 'eager']),
      peer('torch', python, 'inference.py', setting),
      peer('torch.compile', python, 'inference.py', [...setting, '--compile']),
    ],
    tools.quick ? { rounds: 2, perRound: 2 } : roundsAt(images),
    tools.say,
  );
  const names = [OURS, 'fewlabels eager'];
  const speed = compare(`inference of ${images}`, results, names, imagesPerSecond(images));
  return last ? [speed, compareMemory(`inference of ${images}, memory`, results, names)] : [speed];
}

/** The smaller the batch, the more turns. */
const roundsAt = (images: number): Rounds => ({ rounds: 10, perRound: Math.max(3, Math.round(64 / images)), warmUps: 3 });
