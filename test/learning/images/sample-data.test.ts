import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFolder } from '../../../learning/images/file-tree.ts';
import { planShards } from '../../../learning/images/plan.ts';
import { readShard, writeShard } from '../../../learning/images/shards.ts';
import { sampleData } from '../../sample-data.ts';
import { imagesOf } from './make-sources.ts';

const bloodcells = sampleData('bloodcells');
const cifar10 = sampleData('cifar10');

const planOf = (folder: string) =>
  planShards({ images: imagesOf({ train: join(folder, 'train'), test: join(folder, 'test'), size: 32 }), seed: 1, openTree: openFolder });

describe('real photographs', () => {
  test.skipIf(!bloodcells)('writeShard: microscope pictures become a shard, none set aside, each class as its README counts', async () => {
    const { header, chunks } = await planOf(bloodcells!);
    expect(header).toMatchObject({ pool: { images: 1200, shards: 2 }, test: { images: 400, shards: 1 } });
    const { bytes, setAside } = await writeShard([...chunks][2]!, 32, openFolder, { concurrency: 2 });
    expect(setAside).toEqual([]);
    const { labels, images } = readShard(bytes);
    expect(header.classes.map((_, label) => labels.filter((other) => other === label).length)).toEqual(Array(8).fill(50));
    const [red, green] = [0, 1].map((c) => images.filter((_, i) => i % 3 === c).reduce((a, b) => a + b, 0) / (images.length / 3));
    expect(red!).toBeGreaterThan(green!); // eosin and azure stain: pink and violet, never green
  });

  test.skipIf(!cifar10)('planShards: the CIFAR-10 sample has ten classes and five shards', async () => {
    const { header } = await planOf(cifar10!);
    expect(header).toMatchObject({ pool: { images: 5000, shards: 5, labelled: 5000 }, test: { images: 1000, shards: 1 } });
    expect(header.classes.slice(0, 3)).toEqual(['airplane', 'automobile', 'bird']);
  });
});
