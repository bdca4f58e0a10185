/** `fewlabels init FOLDER` */
import { stat, writeFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { BadInput } from '../problem.ts';
import { recipeText, shortened } from '../recipe-text.ts';
import { survey } from '../survey.ts';
import type { Context } from '../terminal.ts';

/** Write a recipe for what lies in the folder, with comments; never over a file that is there. */
export async function init({ terminal }: Context, folder: string, { output }: { output?: string }): Promise<void> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory())
    throw new BadInput(
      `Cannot write a recipe as "${folder}" must be a folder of images: ${(await stat(folder).catch(() => undefined)) ? 'it is a file' : 'there is no such folder'}`,
    );
  const found = await survey(folder);
  const name = nameFrom(basename(resolve(folder)));
  const file = output ?? `${name}.yaml`;
  const path = (target: string) =>
    relative(dirname(resolve(file)), target)
      .split(sep)
      .join('/') || '.';
  await writeFile(file, recipeText({ ...found, name, path }), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST')
      throw new BadInput(`Cannot write "${file}" as nothing is overwritten: it is there already; name another file with --output`);
    throw new BadInput(`Cannot write "${file}" as its folder must be writable: ${error.message}`);
  });
  terminal.say(`${found.labelled} labelled images of ${found.classes.length} classes found: ${shortened(found.classes)}`);
  if (found.unused.length > 0) terminal.say(`Not used: ${shortened(found.unused)}`);
  terminal.print(file);
  terminal.say('Next: read it, then', `  npx fewlabels check ${file}`, `  npx fewlabels run ${file}`);
}

/** A folder's name as a recipe's: lower-case letters, digits, hyphens. */
export function nameFrom(text: string): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return plain.slice(0, 63).replace(/-+$/, '') || 'my-images';
}
