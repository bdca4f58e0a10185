/** A finished run on this disk: `<out>/<run>/report.html`, `result.json`, `student.safetensors`. */
import { constants } from 'node:fs';
import { access, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Manifest, StageName } from '../contracts/artifacts.ts';
import type { RunResult } from '../contracts/scores.ts';
import { makeFolders } from '../infra/local/folders.ts';
import { decodeSafetensors, encodeSafetensors } from '../learning/safetensors.ts';
import { isShare, scoredIn, sharesOf, shareText, spreadText, summarise } from '../report/summary.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { BadInput } from './problem.ts';
import type { Session } from './session.ts';
import { columns } from './terminal.ts';

export const REPORT_FILE = 'report.html';
export const STUDENT_FILE = 'student.safetensors';
const MODEL_OBJECT = 'model.safetensors';

/** What `run --json` prints. `report` and `student` are paths on this machine. */
export type RunJson = Pick<RunResult, 'run' | 'scores' | 'setAside' | 'warning' | 'notes'> & {
  state: 'done';
  seconds: number;
  report: string;
  student: string;
  ui?: string;
};

/** Fetch report and student, write them with the result. @throws Failure, or Error when the folder cannot be written */
export async function keep(session: Session, result: RunResult, seconds: number, out: string): Promise<RunJson> {
  const folder = resolve(out, result.run);
  const [report, student] = [join(folder, REPORT_FILE), join(folder, STUDENT_FILE)];
  const summary: RunJson = {
    run: result.run,
    state: 'done',
    seconds,
    scores: result.scores,
    setAside: result.setAside,
    warning: result.warning,
    notes: result.notes,
    report,
    student,
    ui: session.link(result.run),
  };
  await makeFolder(folder);
  await keepReport(session, result, folder);
  await writeWhole(student, await fetchModel(await session.artifacts(), 'student', result));
  await writeWhole(join(folder, 'result.json'), `${JSON.stringify(summary, null, 2)}\n`);
  return summary;
}

/** @returns path of the report */
export async function keepReport(session: Session, { report }: RunResult, folder: string): Promise<string> {
  const artifacts = await session.artifacts();
  const file = join(folder, REPORT_FILE);
  await makeFolder(folder);
  await writeWhole(file, await readObject(artifacts, await found(artifacts, 'report', report.key), REPORT_FILE));
  return file;
}

/** What a run leaves to take away. */
export type Taken = 'student' | 'representation';

/**
 * A model with what one must know to use it (architecture, class names, temperature, crop) in its metadata, as bytes of a safetensors file.
 * @throws BadInput when the run is from before runs named their representation
 */
export async function fetchModel(artifacts: Artifacts, what: Taken, result: RunResult): Promise<Buffer> {
  const { run, report, [what]: ref } = result;
  if (!ref) throw new BadInput(`Cannot fetch the ${what} as the run must name it: ${run} does not; run its recipe again`);
  const manifest = await found(artifacts, what, ref.key);
  const { tensors, metadata } = decodeSafetensors(await readObject(artifacts, manifest, MODEL_OBJECT));
  const { classes, evaluationCrop } = what === 'student' ? (await found(artifacts, 'report', report.key)).facts : {};
  const temperature = what === 'student' ? temperatureOf(result) : undefined;
  const added = {
    run,
    architecture: JSON.stringify(manifest.facts.architecture),
    ...(classes ? { classes: JSON.stringify(classes) } : {}),
    ...(temperature ? { temperature: String(temperature) } : {}),
    ...(evaluationCrop ? { evaluationCrop: String(evaluationCrop) } : {}),
  };
  return Buffer.from(encodeSafetensors(tensors, { ...metadata, ...added }));
}

/** Of the student to take away: most labels, first draw. */
function temperatureOf({ scores }: RunResult): number | undefined {
  const score = scores.findLast(({ model, draw }) => model === 'student' && draw === 0);
  return score?.measures?.temperature?.value;
}

async function found(artifacts: Artifacts, stage: StageName, key: string): Promise<Manifest> {
  const manifest = await artifacts.find(stage, key);
  if (!manifest)
    throw new Error(`Cannot fetch the ${stage} as it must be in the store: ${key} is gone; run the recipe again to make it anew`);
  return manifest;
}

async function readObject(artifacts: Artifacts, manifest: Manifest, name: string): Promise<Buffer> {
  const object = manifest.objects.find((entry) => entry.name === name);
  if (!object)
    throw new Error(
      `Cannot fetch "${name}" as the ${manifest.stage} must hold it: it has ${manifest.objects.map((entry) => entry.name).join(', ')}`,
    );
  return artifacts.read(object);
}

/** @throws BadInput when results cannot be written there; better told before the run than after it */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeFolders(resolve(folder));
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new BadInput(
      `Cannot write results as "${folder}" must be a writable folder: ${(error as Error).message}; name another with --out`,
    );
  }
}

/** Complete or not at all. */
async function writeWhole(file: string, body: string | Uint8Array): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  await writeFile(partial, body);
  await rename(partial, file);
}

/** The table on stdout: models by share of the labels, mean ± standard deviation over draws. */
export function scoreTable(scores: RunResult['scores']): string[] {
  const summaries = summarise(scores);
  const models = scoredIn(scores);
  const rows = sharesOf(scores).map((share) => {
    const group = summaries.filter((summary) => isShare(summary, share));
    const cells = models
      .map((model) => group.find((entry) => entry.model === model))
      .map((summary) => (summary ? spreadText(summary) : '–'));
    return [shareText(share), String(group[0]?.images ?? 0), String(Math.max(...group.map(({ draws }) => draws))), ...cells];
  });
  const head = ['labels', 'images', 'draws', ...models];
  return columns([head, ...rows], [...head.keys()]);
}
