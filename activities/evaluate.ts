/** models → scores: baseline, classifier and student of one label draw on the test images, and the representation as it stands. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImagesRef, LabelsRef, RepresentationRef } from '../contracts/artifacts.ts';
import type { Score, ScoreKind } from '../contracts/scores.ts';
import type { EvaluateInput, EvaluateResult } from '../contracts/stages.ts';
import type { Architecture } from '../contracts/trainer.ts';
import { inputFile } from '../learning/feed.ts';
import type { Artifacts } from '../store/artifacts.ts';
import { attempt } from './attempt.ts';
import { modelFile } from './chain.ts';
import { evaluationOf } from './identity.ts';
import { readPositions } from './labels.ts';
import { type Packs, packsOf } from './packs.ts';
import { openSet } from './shardset.ts';
import { type InputFile, superviseTrainer, type TrainerSettings } from './trainer.ts';

const MODELS = ['baseline', 'smallBaseline', 'classifier', 'student'] as const; // the student last: examples are its answers
const FROZEN: ScoreKind[] = ['knn', 'probe'];
export const EVALUATION_FILE = 'evaluation.json';
export const EXAMPLES_FILE = 'examples.safetensors';
/** Labelled images whose features a trainer holds at most. Images are in a seeded order, so the first are a fair sample. */
const MOST_LABELLED = 131_072;

export function evaluateActivities(settings: TrainerSettings) {
  return {
    async evaluate(input: EvaluateInput): Promise<EvaluateResult> {
      return attempt(async (current) => {
        const artifacts = settings.artifacts.until(current.signal);
        const { images, draw, labels, representation, evaluationCrop, compute, graded } = input;
        const identity = evaluationOf(images.test, draw, input);
        const found = await artifacts.findWhole('evaluation', identity.key);
        if (found)
          return { key: found.key, digest: found.digest, scores: (found.facts.scores as Score[]).map((score) => ({ ...score, ...draw })) };

        const { shards } = await openSet(artifacts, images.test);
        const given = MODELS.flatMap((name) => (input[name] ? [{ name, key: input[name].key }] : []));
        const models = await Promise.all(
          given.map(({ name, key }, i) =>
            modelFile(`model-${i}.safetensors`, name === 'student' ? 'student' : 'classifier', key, artifacts),
          ),
        );
        const frozen = representation && (await frozenOf(artifacts, representation, labels, images));
        const heldOut = labels.heldOut ? await labelledOf(artifacts, labels, images, 'heldOut') : undefined;
        const job = {
          kind: 'evaluate' as const,
          frozen: frozen?.job,
          models: models.map(({ manifest }, i) => ({
            name: given[i]?.name ?? '',
            architecture: manifest.facts.architecture as Architecture,
          })),
          evaluationCrop,
          shards: shards.map((shard) => ({ images: shard.images })),
          seed: 0,
          graded,
          ...(heldOut ? { calibration: { model: 'student', shards: heldOut.files } } : {}),
          ...compute,
        };
        const files = async function* (): AsyncGenerator<InputFile> {
          yield* [...models.map(({ file }) => file), ...(frozen?.files ?? [])];
          if (heldOut) for (const i of heldOut.files.keys()) yield { name: `calibration-${i}.safetensors`, content: () => heldOut.read(i) };
        };
        const supply = async function* (): AsyncGenerator<InputFile> {
          if (frozen) for (const i of frozen.packs.files.keys()) yield { name: inputFile(1, i), content: () => frozen.packs.read(i) };
          for (const [i, { object }] of shards.entries()) yield { name: inputFile(0, i), content: object };
        };
        return superviseTrainer(
          {
            stage: 'evaluation',
            job,
            files: files(),
            supply: supply(),
            async onDone(folder, _facts, hardware) {
              const body = await readFile(join(folder, 'out', EVALUATION_FILE));
              const measured = JSON.parse(body.toString()) as { models: Record<ScoreKind, Required<Pick<Score, 'accuracy' | 'measures'>>> };
              const scored: ScoreKind[] = [...(frozen ? FROZEN : []), ...given.map(({ name }) => name)];
              const scores = scored.map((model): Score => {
                const { accuracy, measures } = measured.models[model];
                return { model, ...draw, accuracy, images: labels.images, measures };
              });
              const examples = await readFile(join(folder, 'out', EXAMPLES_FILE));
              const objects = [
                { name: EVALUATION_FILE, body, contentType: 'application/json' },
                { name: EXAMPLES_FILE, body: examples },
              ];
              const manifest = await settings.artifacts.commit({
                ...identity,
                objects,
                facts: { scores },
                made: { ...hardware, attempt: current.number, run: current.run },
              });
              return { key: manifest.key, digest: manifest.digest, scores };
            },
          },
          current,
          settings,
        );
      });
    },
  };

  /** What a trainer needs to measure the representation by the images of this draw: their packs come before the shards of the test set. */
  async function frozenOf(artifacts: Artifacts, { key }: RepresentationRef, labels: LabelsRef, images: ImagesRef) {
    const { file, manifest } = await modelFile('representation.safetensors', 'representation', key, artifacts);
    const architecture = { ...(manifest.facts.architecture as Architecture), headLayers: 0, classes: images.classes.length };
    const packs = await labelledOf(artifacts, labels, images);
    return { job: { architecture, labelled: packs.files }, files: [file], packs };
  }

  async function labelledOf(
    artifacts: Artifacts,
    labels: LabelsRef,
    { pool, size }: ImagesRef,
    which: 'positions' | 'heldOut' = 'positions',
  ): Promise<Packs> {
    const positions = (await readPositions(artifacts, labels, which)).subarray(0, MOST_LABELLED);
    return packsOf(artifacts, (await openSet(artifacts, pool)).shards, positions, size);
  }
}
