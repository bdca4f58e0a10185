/** representation → classifier: fine-tuning on few labels; without a representation, the baseline on the same labels. */
import type { Manifest } from '../contracts/artifacts.ts';
import type { FinetuneInput, FinetuneResult } from '../contracts/stages.ts';
import { plainViews } from '../contracts/views.ts';
import { inputFile, windowImages } from '../learning/feed.ts';
import { countsOf } from '../learning/images/by-class.ts';
import { planTraining } from '../learning/plan.ts';
import { attempt } from './attempt.ts';
import { modelFile, trainSegment } from './chain.ts';
import { classifierOf } from './identity.ts';
import { readPositions } from './labels.ts';
import { keepPacks, packFiles, packsOf } from './packs.ts';
import { openSet, readLabels, shardFiles } from './shardset.ts';
import type { InputFile, TrainerSettings } from './trainer.ts';

export function finetuneActivities(settings: TrainerSettings) {
  return {
    async finetune(input: FinetuneInput): Promise<FinetuneResult> {
      return attempt(async (current) => {
        const artifacts = settings.artifacts.until(current.signal);
        const { images, labels, representation, views, finetune, seed, compute } = input;
        const { architecture, ...identity } = classifierOf(input);
        const found = await artifacts.findWhole('classifier', identity.key);
        if (found) return resultOf(found);

        const { manifest, shards } = await openSet(artifacts, images.pool);
        const drawn = await readPositions(artifacts, labels);
        const packs = packsOf(artifacts, shards, drawn, images.size);
        const held = input.judged || input.stopped ? await readPositions(artifacts, labels, 'heldOut') : undefined;
        const others = held && packsOf(artifacts, shards, held, images.size);
        const [heldOut, judged] = input.stopped ? [undefined, others] : [others, undefined];
        const all = finetune.classWeights === 'balanced' ? await readLabels(artifacts, manifest) : undefined;
        const classImagesOf = (positions: Int32Array) => all && countsOf(all, images.classes.length, positions);
        const plan = planTraining({ ...finetune, images: labels.images });
        const { epochs } = plan;
        const files = async function* (): AsyncGenerator<InputFile> {
          if (representation) yield (await modelFile('representation.safetensors', 'representation', representation.key, artifacts)).file;
          if (judged) yield* packFiles('judged', judged);
        };
        const job = {
          kind: 'finetune' as const,
          architecture,
          baseline: !representation,
          finetune,
          views: plainViews('finetune', views),
          shards: packs.files,
          classImages: classImagesOf(drawn),
          heldOut: heldOut?.files,
          stopping: judged && { patience: finetune.stopping.patience, judged: judged.files },
          judging: held && { classImages: classImagesOf(held), evaluationCrop: input.evaluationCrop },
          seed,
          ...compute,
        };
        const kept = await keepPacks(packs, images.size, settings.scratch, current.check);
        const cut = { ...plan, shards: kept.files, seed, windowImages: windowImages(images.size, 1) };
        const supply = async function* (step: number): AsyncGenerator<InputFile> {
          for (const { name, shard } of shardFiles(cut, step, epochs)) yield { name, content: () => kept.read(shard) };
          if (heldOut) for (const i of heldOut.files.keys()) yield { name: inputFile(epochs, i), content: () => heldOut.read(i) };
        };
        const chain = { kind: 'classifier' as const, identity, epochs, until: epochs, files: files(), job, supply };
        await trainSegment(chain, current, settings).finally(kept.free);
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
