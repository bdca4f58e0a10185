/** models → scores: baseline, classifier and student of one label draw on the test images. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelKind, Score } from '../contracts/scores.ts';
import type { EvaluateInput, EvaluateResult } from '../contracts/stages.ts';
import type { Architecture } from '../contracts/trainer.ts';
import { inputFile } from '../learning/feed.ts';
import { attempt } from './attempt.ts';
import { modelFile } from './chain.ts';
import { evaluationOf } from './identity.ts';
import { packLabelled } from './labels.ts';
import { openSet } from './shardset.ts';
import { type InputFile, superviseTrainer, type TrainerSettings } from './trainer.ts';

const MODELS: ModelKind[] = ['baseline', 'classifier', 'student'];
export const EVALUATION_FILE = 'evaluation.json';
export const EXAMPLES_FILE = 'examples.safetensors';

export function evaluateActivities(settings: TrainerSettings) {
  const { artifacts } = settings;
  return {
    async evaluate(input: EvaluateInput): Promise<EvaluateResult> {
      return attempt(async (current) => {
        const { images, draw, labels, evaluationCrop, compute, graded } = input;
        const identity = evaluationOf(images.test, draw, input);
        const found = await artifacts.find('evaluation', identity.key);
        if (found) return { key: found.key, digest: found.digest, scores: found.facts.scores as Score[] };

        const { shards } = await openSet(artifacts, images.test);
        const models = await Promise.all(
          MODELS.map((name, i) =>
            modelFile(`model-${i}.safetensors`, name === 'student' ? 'student' : 'classifier', input[name].key, settings),
          ),
        );
        const heldOut = labels.heldOut
          ? await packLabelled(artifacts, labels, (await openSet(artifacts, images.pool)).shards, 'heldOut')
          : [];
        const job = {
          kind: 'evaluate' as const,
          models: models.map(({ manifest }, i) => ({ name: MODELS[i] ?? '', architecture: manifest.facts.architecture as Architecture })),
          evaluationCrop,
          shards: shards.map((shard) => ({ images: shard.images })),
          seed: 0,
          graded,
          ...(heldOut.length > 0 ? { calibration: { model: 'student', shards: heldOut.map((pack) => ({ images: pack.images })) } } : {}),
          ...compute,
        };
        const supply: InputFile[] = shards.map(({ object }, shard) => ({ name: inputFile(0, shard), content: object }));
        return superviseTrainer(
          {
            stage: 'evaluation',
            job,
            files: [
              ...models.map(({ file }) => file),
              ...heldOut.map(({ bytes }, i) => ({ name: `calibration-${i}.safetensors`, content: bytes })),
            ],
            supply,
            async onDone(folder, _facts, hardware) {
              const body = await readFile(join(folder, 'out', EVALUATION_FILE));
              const measured = JSON.parse(body.toString()) as { models: Record<ModelKind, Required<Pick<Score, 'accuracy' | 'measures'>>> };
              const scores = MODELS.map((model): Score => {
                const { accuracy, measures } = measured.models[model];
                return { model, ...draw, accuracy, images: labels.images, measures };
              });
              const examples = await readFile(join(folder, 'out', EXAMPLES_FILE));
              const objects = [
                { name: EVALUATION_FILE, body, contentType: 'application/json' },
                { name: EXAMPLES_FILE, body: examples },
              ];
              const manifest = await artifacts.commit({
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
}
