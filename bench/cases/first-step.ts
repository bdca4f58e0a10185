/** How long until the first step of pretraining is done, from the start of the process. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Benchmark } from '../benchmark.ts';
import { compare, seconds } from '../comparison.ts';
import { race } from '../contest.ts';
import { ours, peer } from '../contestant.ts';

const OURS = 'fewlabels compiled';

export const firstStep: Benchmark = {
  name: 'first-step',
  about:
    'From the start of the process to the end of the first step of simclr-18-32: libraries loaded, network built and compiled. torch.compile has an empty cache each time.',
  async run({ python, quick, say, scratch }) {
    const interpreter = await python();
    const setting = [18, 32, quick ? 8 : 32];
    const emptyCache = async () => ({ TORCHINDUCTOR_CACHE_DIR: await mkdtemp(join(scratch, 'inductor-')) });
    const results = await race(
      [
        async () => ours(OURS, 'pretrain.ts', [...setting, 'float32']),
        async () => peer('torch', interpreter, 'pretrain.py', setting),
        async () => peer('torch.compile', interpreter, 'pretrain.py', [...setting, '--compile'], await emptyCache()),
      ],
      quick ? 1 : 3,
      say,
    );
    return [compare('first step', results, [OURS], seconds)];
  },
};
