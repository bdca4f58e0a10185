import { join } from 'node:path';
import { expect, test } from 'vitest';
import { lookAtSome } from '../../cli/sample.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import { imagesOf, pngs, put, temporaryFolder } from '../learning/images/make-sources.ts';

test('lookAtSome: images that cannot be decoded and such that cannot be read are told, as a run would set them aside', async () => {
  const folder = await put(await temporaryFolder(), { ...(await pngs('a/', 3)), ...(await pngs('b/', 3)), 'b/text.png': 'no picture' });
  const plan = await planShards({ images: imagesOf({ train: folder }), seed: 1, openTree: openFolder });
  const gone = (root: string) => openFolder(root === folder ? join(folder, 'elsewhere') : root);
  const { images, unreadable } = await lookAtSome(plan, 8, openFolder);
  expect([images, unreadable.map(({ image }) => image)]).toEqual([7, ['b/text.png']]);
  expect((await lookAtSome(plan, 8, gone)).unreadable).toHaveLength(7);
});
