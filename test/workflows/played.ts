/** The real workflows on a real server, their activities played by a test: what a run does in a thousand segments is seen in a minute. */
import { ApplicationFailure } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { ImagesRef, LabelsRef, Ref, RepresentationRef, StudentRef } from '../../contracts/artifacts.ts';
import { QUEUES } from '../../contracts/queues.ts';
import type { TemporalAccess } from '../../contracts/services.ts';
import type { DataActivities, PipelineActivities, PretrainInput, TrainingActivities } from '../../contracts/stages.ts';
import { WORKFLOWS } from './workers.ts';

export type Activities = PipelineActivities & DataActivities & TrainingActivities;

const NAMES: (keyof Activities)[] = [
  ...(['survey', 'seal', 'deleteViews', 'adopt', 'findRepresentation', 'drawLabels', 'splitLabels', 'writeReport'] as const),
  ...(['shard', 'augment', 'pretrain', 'finetune', 'distill', 'evaluate'] as const),
];

/** Workers of all three queues in this process. */
export async function playRuns({ address, namespace }: TemporalAccess, workflowsPath = WORKFLOWS) {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
  const connection = await NativeConnection.connect({ address });
  const client = new Client({ connection: await Connection.connect({ address }), namespace });
  let current: Activities | undefined;
  const activities = Object.fromEntries(NAMES.map((name) => [name, (input: never) => current?.[name](input)]));
  const running = Object.values(QUEUES).map(async (taskQueue) => {
    const flows = taskQueue === QUEUES.pipeline ? { workflowBundle } : {};
    const options = { maxHeartbeatThrottleInterval: '1 second', shutdownForceTime: '1 second', debugMode: true } as const; // no five seconds a step
    const worker = await Worker.create({ connection, namespace, taskQueue, activities, ...flows, ...options });
    return { worker, ended: worker.run() };
  });
  await Promise.all(running);
  return {
    client,
    /** From now on these activities are played, in place of those before. */
    play(activities: Activities) {
      current = activities;
    },
    async stop() {
      const workers = await Promise.all(running);
      for (const { worker } of workers) worker.shutdown();
      await Promise.allSettled(workers.map(({ ended }) => ended));
      await client.connection.close();
      await connection.close();
    },
  };
}

const ref = <Kind extends string>(kind: Kind, key: string): Ref<Kind> => ({ kind, key, digest: `${key} digest` });

/** A store that holds what was made, and every call in order. @param shards  of the pool, 64 images each */
export function playedStore(shards = 2) {
  const calls: { activity: keyof Activities; input: unknown }[] = [];
  const views = new Set<string>();
  const set = { ...ref('shards', 'pool'), images: 64 * shards, shards, labelled: 64 * shards };
  const images: ImagesRef = {
    pool: set,
    test: { ...set, key: 'test' },
    classes: ['a', 'b'],
    size: 32,
    setAside: { count: 0, examples: [] },
  };
  const done = { representation: 0, students: new Map<string, number>() };
  const viewsName = (from: number, shard: number, own = '') => `${from} ${shard} ${own}`;
  const played: Activities = {
    survey: async () => ({ plan: 'plan', shards: shards + 1 }),
    shard: async () => ({ images: 64, setAside: 0 }),
    seal: async () => images,
    adopt: async () => ref('start', 'start'),
    findRepresentation: async () => ({ epochsDone: done.representation }),
    async augment(input) {
      for (let shard = input.shard; shard < (input.to ?? input.shard + 1); shard++)
        views.add(viewsName(input.segment.from, shard, input.own));
      return { views: 1 };
    },
    async deleteViews(input) {
      for (let shard = 0; shard < shards; shard++) views.delete(viewsName(input.segment.from, shard, input.own));
    },
    async pretrain(input) {
      mustHaveViews(input);
      const { segment, pretrain } = input;
      done.representation = segment.to;
      const result: RepresentationRef | undefined = segment.to === pretrain.epochs ? ref('representation', 'encoder') : undefined;
      return { epochsDone: segment.to, result };
    },
    async drawLabels(input): Promise<LabelsRef> {
      return { ...ref('labels', JSON.stringify(input.draw)), images: 10 };
    },
    splitLabels: async () => ({ why: 'there are too few' }),
    finetune: async (input) => ref('classifier', `${input.labels.key} ${input.representation?.key}`),
    async distill(input) {
      const { segment, distill, teacher } = input;
      const before = done.students.get(teacher.key) ?? 0;
      if (before >= segment.to && segment.to < distill.epochs) return { epochsDone: before };
      done.students.set(teacher.key, segment.to);
      const result: StudentRef | undefined = segment.to === distill.epochs ? ref('student', teacher.key) : undefined;
      return { epochsDone: segment.to, result };
    },
    async evaluate(input) {
      return { ...ref('evaluation', 'scores'), scores: [{ ...input.draw, model: 'student' as const, images: 10, accuracy: 0.5 }] };
    },
    writeReport: async () => ref('report', 'report'),
  };
  const heard = Object.entries(played).map(([name, activity]) => [
    name,
    (input: never) => {
      calls.push({ activity: name as keyof Activities, input });
      return activity(input);
    },
  ]);
  function mustHaveViews({ segment, where, own }: PretrainInput): void {
    if (where === 'device') return;
    for (let shard = 0; shard < shards; shard++)
      if (!views.has(viewsName(segment.from, shard, own)))
        throw ApplicationFailure.nonRetryable(`views of ${segment.from}`, 'ViewsMissing');
  }
  return {
    activities: Object.fromEntries(heard) as Activities,
    views,
    /** Epochs trained, as the store knows. */
    done,
    /** Inputs of an activity, in the order of its calls. */
    inputsOf: <Name extends keyof Activities>(name: Name) =>
      calls.filter(({ activity }) => activity === name).map(({ input }) => input as Parameters<Activities[Name]>[0]),
    count: () => {
      const names = [...new Set(calls.map(({ activity }) => activity))];
      return Object.fromEntries(names.map((name) => [name, calls.filter(({ activity }) => activity === name).length]));
    },
  };
}
