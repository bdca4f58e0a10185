/** classifier → student: one segment of distillation on all images, labelled or not. No labels, unless the recipe weighs them in. */

import type { DistillInput, DistillResult } from '../contracts/stages.ts';
import type { Architecture } from '../contracts/trainer.ts';
import { plainViews } from '../contracts/views.ts';
import { teacherFile, windowImages } from '../learning/feed.ts';
import { planTraining } from '../learning/plan.ts';
import { attempt } from './attempt.ts';
import { modelFile, trainSegment } from './chain.ts';
import { studentOf } from './identity.ts';
import { readPositions } from './labels.ts';
import { hideLabels } from './packs.ts';
import { openSet, shardFiles } from './shardset.ts';
import type { InputFile, TrainerSettings } from './trainer.ts';

export function distillActivities(settings: TrainerSettings) {
  return {
    async distill(input: DistillInput): Promise<DistillResult> {
      return attempt(async (current) => {
        const artifacts = settings.artifacts.until(current.signal);
        const { images, labels, teacher, otherTeachers = [], representation, views, distill, seed, compute, segment } = input;
        const { architecture, pretrained, ...identity } = studentOf(input);
        const { shards } = await openSet(artifacts, images.pool);
        const teachers = await Promise.all(
          [teacher, ...otherTeachers].map(({ key }, i) => modelFile(teacherFile(i), 'classifier', key, artifacts)),
        );
        const start = pretrained
          ? [(await modelFile('representation.safetensors', 'representation', representation.key, artifacts)).file]
          : [];
        const drawn = distill.labelled > 0 ? await readPositions(artifacts, labels) : undefined;
        const job = {
          kind: 'distill' as const,
          teacher: teachers[0]?.manifest.facts.architecture as Architecture,
          teachers: teachers.length,
          architecture,
          pretrained,
          distill,
          views: plainViews('distill', views),
          shards: shards.map((shard) => ({ images: shard.images })),
          untilEpoch: segment.to,
          seed,
          ...compute,
        };
        const cut = {
          ...planTraining({ ...distill, images: images.pool.images }),
          shards: job.shards,
          seed,
          windowImages: windowImages(images.size, 1),
        };
        const supply = async function* (step: number): AsyncGenerator<InputFile> {
          for (const { name, shard } of shardFiles(cut, step, segment.to)) {
            const content = drawn ? () => hideLabels(artifacts, drawn, shards, shard) : shards[shard]?.object;
            if (content) yield { name, content };
          }
        };
        const training = {
          kind: 'student' as const,
          identity,
          epochs: distill.epochs,
          from: segment.from,
          until: segment.to,
          files: [...teachers.map(({ file }) => file), ...start],
          job,
          supply,
        };
        return trainSegment(training, current, settings);
      });
    },
  };
}
