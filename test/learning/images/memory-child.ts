/** Lists a source and writes its first shard as a data worker does, and tells what came of it and what memory that took. Started by `memory.test.ts`. */
import { openFolder } from '../../../learning/images/file-tree.ts';
import { writeShard } from '../../../learning/images/shards.ts';
import { listSource } from '../../../learning/images/sources.ts';

/** `grown`: MiB by which the process was larger at its largest than before. */
export type Told = { images: number; reasons: string[]; grown: number };

async function shardOf(source: string): Promise<Omit<Told, 'grown'>> {
  const { access, labels, nameOf } = await listSource(source, 'unlabelled', { openTree: openFolder, seed: 1 });
  const images = Array.from(labels, (label, position) => ({ ...nameOf(position), label, source: 0 }));
  const written = await writeShard({ role: 'pool', sources: [access], images }, 32, openFolder);
  return { images: written.images, reasons: written.setAside.map(({ reason }) => reason) };
}

if (process.send) {
  process.once('message', async (source: string) => {
    const before = process.resourceUsage().maxRSS;
    const shard = await shardOf(source).catch((error: Error) => ({ images: 0, reasons: [error.message] }));
    const told: Told = { ...shard, grown: (process.resourceUsage().maxRSS - before) / 1024 };
    process.send?.(told, () => process.disconnect());
  });
}
