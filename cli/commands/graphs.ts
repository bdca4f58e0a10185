/** `fewlabels doctor --graph RECIPE` */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { classifierArchitecture, representationArchitecture, studentArchitecture } from '../../contracts/architecture.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { planShards } from '../../learning/images/plan.ts';
import { beforeTensorflow } from '../before-tensorflow.ts';
import { BadInput } from '../problem.ts';
import { readRecipe } from '../recipe-file.ts';
import { isRemote } from '../sources.ts';
import { type Context, columns } from '../terminal.ts';

export type GraphOptions = { json?: boolean; out: string };

/** Write what TensorFlow runs for each step of a recipe, `<out>/graphs/<name>/<step>.txt` and `.pb`. Nothing is trained. */
export async function graphs({ terminal, variables }: Context, file: string, { json, out }: GraphOptions): Promise<void> {
  const recipe = await readRecipe(file, variables);
  if (isRemote(recipe)) {
    throw new BadInput('Cannot write graphs as the classes must be known: images under s3:// are looked at when a run starts');
  }
  const { header } = await planShards({ images: recipe.images, seed: recipe.seed, openTree: openFolder });
  beforeTensorflow(variables);
  const [{ stepGraphs }, { describe }, { serialize }] = await Promise.all([
    import('../../learning/steps/graphs.ts'),
    import('../../learning/compile/describe.ts'),
    import('../../learning/compile/graph.ts'),
  ]);
  const { size } = recipe.images;
  const classes = header.classes.length;
  const architectures = {
    representation: representationArchitecture(recipe, size),
    classifier: classifierArchitecture(recipe, size, classes),
    student: studentArchitecture(recipe, size, classes),
  };
  const { precisionHere } = await import('../../workers/hardware.ts');
  const precision = precisionHere(recipe.compute.precision, false);
  const folder = join(out, 'graphs', recipe.name);
  await mkdir(folder, { recursive: true });
  const written = [];
  for (const [step, graph] of Object.entries(stepGraphs(recipe, architectures, precision))) {
    await writeFile(join(folder, `${step}.txt`), describe(graph));
    await writeFile(join(folder, `${step}.pb`), serialize(graph.nodes));
    written.push({ step, ops: graph.nodes.length, text: join(folder, `${step}.txt`), graphDef: join(folder, `${step}.pb`) });
  }
  if (json) return terminal.print(JSON.stringify({ precision, graphs: written }));
  terminal.print(`The steps of ${recipe.name} as TensorFlow runs them, in ${precision}:`);
  for (const row of columns(written.map(({ step, ops, text, graphDef }) => [step, `${ops} ops`, text, graphDef])))
    terminal.print(`  ${row}`);
}
