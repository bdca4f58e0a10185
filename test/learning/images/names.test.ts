/** Files and classes may be called anything: a name is data, never a path elsewhere, a line or markup. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type FileTree, openFolder } from '../../../learning/images/file-tree.ts';
import { planShards } from '../../../learning/images/plan.ts';
import { readShard, writeShard } from '../../../learning/images/shards.ts';
import { listSource } from '../../../learning/images/sources.ts';
import { imagesOf, png, pngs, put, temporaryFolder } from './make-sources.ts';

const temporary = await temporaryFolder();
const place = (name: string) => join(temporary, name);
const FORGED = 'x\n✖ Your disk was erased.png';
const NAMES = [FORGED, 'a\u001b[2J.png', 'cod\u202egnp.png', 'a\u2028b.png', 'a..b.png', '🦔.png'];
const CLASSES = ['<img src=x onerror=alert(1)>', 'two\nlines', '🦔'];

test('planShards, writeShard: images and classes of any name are listed, sharded and set aside under that name', async () => {
  const all = CLASSES.flatMap((name) => NAMES.map((file) => `${name}/${file}`));
  const image = await png();
  const broken = `${CLASSES[0]}/not\nan image.png`;
  const train = await put(place('any'), { ...Object.fromEntries(all.map((path) => [path, image])), [broken]: 'text' });
  const { header, chunks } = await planShards({ images: imagesOf({ train, size: 8 }), seed: 1, openTree: openFolder });
  expect(header.classes).toEqual(CLASSES);
  const [ids, aside]: [string[], string[]] = [[], []];
  for (const chunk of chunks) {
    const { bytes, setAside } = await writeShard(chunk, 8, openFolder);
    const shard = readShard(bytes);
    ids.push(...shard.ids);
    aside.push(...setAside.map(({ image }) => image));
    expect(shard.ids.map((id) => id.slice(0, id.indexOf('/')))).toEqual(Array.from(shard.labels, (label) => CLASSES[label]));
  }
  expect(ids.sort()).toEqual(all.sort());
  expect(aside).toEqual([broken]);
});

test('listSource: a table names a file with a line break in quotes', async () => {
  const folder = await put(place('table'), {
    [FORGED]: await png(),
    'b.png': await png(),
    'labels.csv': `file,label\n"${FORGED}",a\nb.png,b\n`,
  });
  const { labels, nameOf } = await listSource({ folder, labels: join(folder, 'labels.csv') }, 'train', { openTree: openFolder, seed: 1 });
  expect(Array.from(labels, (label, i) => [nameOf(i).id, label])).toEqual([
    ['b.png', 1],
    [FORGED, 0],
  ]);
});

test('listSource: a table that names files elsewhere is refused with its lines, and nothing elsewhere is looked at', async () => {
  const image = await png();
  const elsewhere = join(await put(place('elsewhere'), { 'a.png': image }), 'a.png');
  const rows = ['im0.png,a', '../../etc/passwd,b', '../elsewhere/a.png,b', `${elsewhere},b`, '..\\elsewhere\\a.png,b', '..a.png,b'];
  const folder = await put(place('inside'), {
    ...(await pngs('im', 2)),
    '..a.png': image,
    'labels.csv': ['file,label', ...rows].join('\n'),
  });
  const touched: string[] = [];
  const openTree = (root: string): FileTree => {
    const tree = openFolder(root);
    const at = (path: string) => {
      touched.push(join(root, path));
      return path;
    };
    return {
      ...tree,
      find: (path) => tree.find(at(path)),
      readRange: (path, start, end) => tree.readRange(at(path), start, end),
    };
  };
  const table = join(folder, 'labels.csv');
  await expect(listSource({ folder, labels: table }, 'train', { openTree, seed: 1 })).rejects.toThrow(
    `Cannot read labels as every file it names must exist: "${table}", 5 of 6 missing: line 3 "../../etc/passwd", ` +
      `line 4 "../elsewhere/a.png", line 5 "${elsewhere}", line 6 "../elsewhere/a.png", line 7 "..a.png"`, // the last one is hidden
  );
  expect(new Set(touched)).toEqual(new Set([table]));
});
