/** Lists a source and writes its first shard as a data worker does, and tells what came of it and what memory that took. Started by `memory.test.ts`. */
import { type FileTree, openFolder } from '../../../learning/images/file-tree.ts';
import { writeShard } from '../../../learning/images/shards.ts';
import { listSource } from '../../../learning/images/sources.ts';

/** `reasons`: each once. `read`: bytes. `grown`: MiB by which the process was larger at its largest than before. */
export type Told = { images: number; reasons: string[]; read: number; grown: number };

let read = 0;

function openTree(root: string): FileTree {
  const tree = openFolder(root);
  const readRange = async (...range: Parameters<FileTree['readRange']>) => {
    const bytes = await tree.readRange(...range);
    read += bytes.length;
    return bytes;
  };
  return { ...tree, readRange };
}

async function shardOf(source: string): Promise<Pick<Told, 'images' | 'reasons'>> {
  const { access, labels, nameOf } = await listSource(source, 'unlabelled', { openTree, seed: 1 });
  const images = Array.from(labels, (label, position) => ({ ...nameOf(position), label, source: 0 }));
  const written = await writeShard({ role: 'pool', sources: [access], images }, 32, openTree);
  return { images: written.images, reasons: [...new Set(written.setAside.map(({ reason }) => reason))] };
}

if (process.send) {
  process.once('message', async (source: string) => {
    const before = process.resourceUsage().maxRSS;
    const shard = await shardOf(source).catch((error: Error) => ({ images: 0, reasons: [error.message] }));
    const told: Told = { ...shard, read, grown: (process.resourceUsage().maxRSS - before) / 1024 };
    process.send?.(told, () => process.disconnect());
  });
}
