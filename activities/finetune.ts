/** representation → classifier: fine-tuning on few labels; without a representation, the baseline on the same labels. */
import type { Manifest } from '../contracts/artifacts.ts';
import type { FinetuneInput, FinetuneResult } from '../contracts/stages.ts';
import { inputFile } from '../learning/feed.ts';
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
        if (found) return resultOf(found);

        const { shards } = await openSet(artifacts, images.pool);
        const packs = await packLabelled(artifacts, labels, shards);
        const heldOut = input.judged ? await packLabelled(artifacts, labels, shards, 'heldOut') : undefined;
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
          heldOut: heldOut?.map((pack) => ({ images: pack.images })),
          seed,
          ...compute,
        };
        const supply = function* (from: number): Generator<InputFile> {
          for (const { name, shard } of shardFiles(packs.length, seed, from, epochs)) {
            const pack = packs[shard];
            if (pack) yield { name, content: pack.bytes };
          }
          for (const [i, { bytes }] of heldOut?.entries() ?? []) yield { name: inputFile(epochs, i), content: bytes };
        };
        await trainSegment({ kind: 'classifier' as const, identity, epochs, until: epochs, files, job, supply }, current, settings);
        const made = await artifacts.find('classifier', identity.key);
        if (!made) throw new Error('Cannot finish fine-tuning as its only segment gave no classifier');
        return resultOf(made);
      });
    },
  };
}

function resultOf({ key, digest, facts }: Manifest): FinetuneResult {
  const { heldOut } = facts as { heldOut?: { accuracy: number } };
  return { kind: 'classifier', key, digest, ...(heldOut ? { accuracy: heldOut.accuracy } : {}) };
}
