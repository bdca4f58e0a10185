/** `fewlabels clean [--delete]` */
import { openS3 } from '../../store/s3.ts';
import { LEFTOVERS, readContents, removeAll, unneeded, YOUNG_MS } from '../../store/sweep.ts';
import { endUploads, openUploads } from '../../store/uploads.ts';
import { openSession, type Session } from '../session.ts';
import { type Context, columns } from '../terminal.ts';
import { OPEN_RUNS } from '../watch.ts';

/** How many objects of a kind nobody needs, and their bytes. */
export type Leftovers = { what: string; objects: number; bytes: number };

/** Say what nobody needs any more, and delete it when asked to. Never what a run that is going can still ask for. */
export async function clean(context: Context, options: { delete?: boolean; json?: boolean }): Promise<void> {
  const session = await openSession(context, { start: false });
  const { s3 } = session.services;
  const store = await openS3(s3);
  const now = new Date();
  const contents = await readContents(store);
  const running = await runsGoing(session);
  const found = unneeded(contents, now, running > 0);
  await session.close();
  const uploads = await openUploads(s3, new Date(now.getTime() - YOUNG_MS));
  if (options.delete) {
    await removeAll(store, found);
    await endUploads(s3, uploads);
  }
  const kinds = Object.entries(LEFTOVERS).map(([why, what]) =>
    leftoversOf(
      what,
      found.filter((one) => one.why === why),
    ),
  );
  const leftovers = [...kinds, leftoversOf('uploads that never ended', uploads)].filter(({ objects }) => objects > 0);
  const total = leftoversOf('together', [...found, ...uploads]);
  const { terminal } = context;
  if (options.json)
    return terminal.print(JSON.stringify({ deleted: options.delete === true, running, ...total, what: undefined, leftovers }));
  if (running > 0) terminal.say(`${running === 1 ? 'A run is' : `${running} runs are`} going, so all views stay`);
  if (total.objects === 0) return terminal.say('Nothing is left over');
  terminal.print(...table([...leftovers, total]));
  terminal.say(options.delete ? 'Deleted' : 'Nothing is deleted yet: `npx fewlabels clean --delete` does it');
}

async function runsGoing({ client }: Session): Promise<number> {
  let count = 0;
  for await (const _ of client.workflow.list({ query: OPEN_RUNS })) count++;
  return count;
}

function leftoversOf(what: string, objects: { bytes: number }[]): Leftovers {
  return { what, objects: objects.length, bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0) };
}

export function table(rows: Leftovers[]): string[] {
  return columns([['what', 'objects', 'size'], ...rows.map(({ what, objects, bytes }) => [what, String(objects), size(bytes)])], [1, 2]);
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];

/** "950 bytes", "12.3 MB": three digits at most, in powers of 1,000. */
export function size(bytes: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
