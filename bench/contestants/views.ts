/** Ours: two views of images that are decoded already. Arguments: `size file`, the file being uint8 [n, size, size, 3], raw. */
import { readFile } from 'node:fs/promises';
import { serve } from './serve.ts';
import { viewsOf } from './views-of.ts';

const [size, file = ''] = process.argv.slice(2);

await serve(async () => {
  const pixels = await readFile(file);
  const render = viewsOf(Number(size));
  let epoch = 0;
  return () => {
    render(pixels, epoch++);
    return undefined;
  };
});
