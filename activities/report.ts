/** scores and curves → report: gather what the stages left, render one page, keep it. */
import type { Manifest, Ref } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { CurvePoint, Reviewed } from '../contracts/progress.ts';
import type { LabelDraw } from '../contracts/recipe.ts';
import type { ModelKind } from '../contracts/scores.ts';
import type { WriteReportInput, WriteReportResult } from '../contracts/stages.ts';
import type { Machine } from '../contracts/trainer.ts';
import { decodeSafetensors } from '../learning/safetensors.ts';
import type { ClassScore, Curve, Evaluation, Example, ReportInput } from '../report/input.ts';
import { renderReport } from '../report/report.ts';
import { labelsText } from '../report/summary.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { attempt } from './attempt.ts';
import { EVALUATION_FILE, EXAMPLES_FILE } from './evaluate.ts';
import { reportOf } from './identity.ts';
import { objectNamed } from './shardset.ts';

export const REPORT_FILE = 'report.html';
const MODELS: ModelKind[] = ['baseline', 'classifier', 'student'];

/** `out/evaluation.json` of an evaluation, as the trainer writes it. */
type Measured = {
  models: Record<ModelKind, { accuracy: number; confusion: number[][]; perClass: ClassScore[] }>;
  examples: { id: string; label: number; predictions: Record<ModelKind, { class: number; probability: number }> }[];
};

export function reportActivities(stored: Artifacts) {
  return {
    async writeReport(input: WriteReportInput): Promise<WriteReportResult> {
      return attempt(async ({ signal, number, run }) => {
        const artifacts = stored.until(signal);
        const { recipe, images, representation, models } = input;
        const inputs = models.flatMap(({ baseline, classifier, student, evaluation }) =>
          [baseline, classifier, student, evaluation].map(({ digest }) => digest),
        );
        const identity = reportOf(
          input.run,
          recipe,
          inputs,
          representation,
          models.flatMap(({ labels }) => labels ?? []),
        );
        const found = await artifacts.findWhole('report', identity.key);
        if (found) return { kind: 'report', key: found.key, digest: found.digest };

        const html = await renderReport({
          run: input.run,
          recipe,
          classes: images.classes,
          images: { pool: images.pool.images, labelled: images.pool.labelled, test: images.test.images, size: images.size },
          setAside: input.setAside,
          notes: input.notes,
          scores: models.flatMap(({ evaluation }) => evaluation.scores),
          ...(await readEvaluations(artifacts, input)),
          ...(await readCurves(artifacts, input)),
          rates: models.flatMap(({ draw, rates }) =>
            rates
              ? [{ ...draw, ...rates.baseline }, ...(rates.smallBaseline ? [{ ...draw, ...rates.smallBaseline, small: true }] : [])]
              : [],
          ),
          artifacts: artifactsOf(input),
          date: new Date().toISOString(),
        });
        const body = Buffer.from(html);
        const objects = [{ name: REPORT_FILE, body, contentType: 'text/html; charset=utf-8' }];
        const { evaluationCrop } = recipe.images;
        const facts = {
          classes: images.classes,
          ...(evaluationCrop === 1 ? {} : { evaluationCrop }),
          scores: models.flatMap(({ evaluation }) => evaluation.scores),
        };
        const manifest = await artifacts.commit({ ...identity, objects, facts, made: { attempt: number, run } });
        return { kind: 'report', key: manifest.key, digest: manifest.digest };
      });
    },
  };
}

/** Counts and classes of all models, and examples of the student with the most labels. */
async function readEvaluations(
  artifacts: Artifacts,
  { models, images }: WriteReportInput,
): Promise<{ evaluations: Evaluation[]; examples: Example[] }> {
  const evaluations: Evaluation[] = [];
  let examples: Example[] = [];
  for (const { draw, evaluation } of models) {
    const manifest = await found(artifacts, 'evaluation', evaluation.key);
    const measured = JSON.parse((await artifacts.read(objectNamed(manifest, EVALUATION_FILE))).toString()) as Measured;
    for (const model of MODELS) {
      const { confusion, perClass } = measured.models[model];
      evaluations.push({ model, ...draw, confusion, byClass: perClass });
    }
    if (draw.draw === 0) examples = await readExamples(artifacts, manifest, measured, images.size);
  }
  return { evaluations, examples };
}

async function readExamples(artifacts: Artifacts, manifest: Manifest, { examples }: Measured, size: number): Promise<Example[]> {
  const pixels = decodeSafetensors(await artifacts.read(objectNamed(manifest, EXAMPLES_FILE))).tensors.images?.data;
  if (!(pixels instanceof Uint8Array))
    throw new Failure('DataIntegrity', `Cannot read examples as "${EXAMPLES_FILE}" holds no images: ${manifest.key}`);
  const bytes = size * size * 3;
  return examples.map(({ id, label, predictions }, i) => ({
    id,
    pixels: pixels.slice(i * bytes, (i + 1) * bytes),
    size,
    truth: label,
    predictions: [predictions.student],
  }));
}

/** The learning curve of every training, what hardware decided the bits of pretraining, and what that warned of. */
async function readCurves(
  artifacts: Artifacts,
  { representation, models }: WriteReportInput,
): Promise<Pick<ReportInput, 'curves' | 'made' | 'machines' | 'warning'>> {
  const pretraining = await found(artifacts, 'representation', representation.key);
  const curves: Curve[] = [{ stage: 'representation', points: curveOf(pretraining) }];
  for (const { draw, ...refs } of models) {
    for (const stage of MODELS) {
      const manifest = await found(artifacts, stage === 'student' ? 'student' : 'classifier', refs[stage].key);
      curves.push({ stage, ...draw, points: curveOf(manifest), best: bestOf(manifest) });
    }
  }
  const { tensorflow, device, threads, machines } = pretraining.made;
  const warning = pretraining.facts.warning as string | undefined;
  return { curves, made: { tensorflow, device, threads }, machines: machines as Machine[] | undefined, warning };
}

const bestOf = ({ facts }: Manifest): Curve['best'] => (facts.best ? { ...(facts.best as Reviewed), of: Number(facts.epochs) } : undefined);

const curveOf = (manifest: Manifest): CurvePoint[] => (manifest.facts.curve ?? []) as CurvePoint[];

async function found(
  artifacts: Artifacts,
  stage: 'evaluation' | 'representation' | 'classifier' | 'student',
  key: string,
): Promise<Manifest> {
  const manifest = await artifacts.find(stage, key);
  if (!manifest) throw new Failure('DataIntegrity', `Cannot write the report as the ${stage} it reads is gone: ${key}`);
  return manifest;
}

/** The artifacts behind the numbers, in pipeline order. */
function artifactsOf({ images, representation, models }: WriteReportInput) {
  const row = (stage: string, what: string, { key, digest }: Pick<Ref<string>, 'key' | 'digest'>) => ({ stage, what, key, digest });
  const of = (draw: LabelDraw) => `${labelsText(draw)}, draw ${draw.draw + 1}`;
  return [
    row('shards', `pool of ${images.pool.images} images`, images.pool),
    row('shards', `${images.test.images} test images`, images.test),
    row('representation', 'encoder, no labels', representation),
    ...models.flatMap(({ draw, labels, ...refs }) => [
      ...(labels ? [row('labels', `${of(draw)}: ${labels.images} images`, labels)] : []),
      ...MODELS.map((model) => row(model, of(draw), refs[model])),
    ]),
  ];
}
