/** representation → classifier: fine-tuning on few labels; without a representation, the baseline on the same labels. */
import type { FinetuneInput, FinetuneResult } from '../contracts/stages.ts';
import { planTraining } from '../learning/plan.ts';
import { attempt } from './attempt.ts';
import { modelFile, trainSegment } from './chain.ts';
import { classifierOf } from './identity.ts';
import { countsOf, packLabelled } from './labels.ts';
import { openSet, shardFiles } from './shardset.ts';
import type { InputFile, TrainerSettings } from './trainer.ts';

export function finetuneActivities(settings: TrainerSettings) {
  const { artifacts } = settings;
  return {
    async finetune(input: FinetuneInput): Promise<FinetuneResult> {
      return attempt(async (current) => {
        const { images, labels, representation, finetune, seed, compute } = input;
        const { architecture, ...identity } = classifierOf(input);
        const found = await artifacts.find('classifier', identity.key);
        if (found) return { kind: 'classifier', key: found.key, digest: found.digest };

        const { shards } = await openSet(artifacts, images.pool);
        const packs = await packLabelled(artifacts, labels, shards);
        const { epochs } = planTraining({ ...finetune, images: labels.images });
        const files: InputFile[] = representation
          ? [(await modelFile('representation.safetensors', 'representation', representation.key, settings)).file]
          : [];
        const job = {
          kind: 'finetune' as const,
          architecture,
          baseline: !representation,
          finetune,
          shards: packs.map((pack) => ({ images: pack.images })),
          classImages: finetune.classWeights === 'balanced' ? countsOf(packs, images.classes.length) : undefined,
          seed,
          ...compute,
        };
        const supply = function* (from: number): Generator<InputFile> {
          for (const { name, shard } of shardFiles(packs.length, seed, from, epochs)) {
            const pack = packs[shard];
            if (pack) yield { name, content: pack.bytes };
          }
        };
        const { result } = await trainSegment(
          { kind: 'classifier' as const, identity, epochs, until: epochs, files, job, supply },
          current,
          settings,
        );
        if (!result) throw new Error('Cannot finish fine-tuning as its only segment gave no classifier');
        return result;
      });
    },
  };
}
