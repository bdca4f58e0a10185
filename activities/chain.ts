/**
 * A training in segments: checkpoint in, checkpoint out. The store knows where the chain stands, so an attempt, a retry and a new
 * run all begin the same way: finished → return it, segment done → return that, else go on from the newest checkpoint.
 */
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Manifest, Ref, Retention } from '../contracts/artifacts.ts';
import { Failure } from '../contracts/failures.ts';
import type { CurvePoint, Reviewed } from '../contracts/progress.ts';
import type { ChainState } from '../contracts/stages.ts';
import type { Machine, TrainerJob } from '../contracts/trainer.ts';
import type { Artifacts } from '../store/artifacts.ts';
import type { Rejected } from '../store/checkpoints.ts';
import type { Attempt } from './attempt.ts';
import { isAway } from './away.ts';
import type { Identity } from './identity.ts';
import { makeScratch, scratchPrefix } from './scratch.ts';
import { objectNamed } from './shardset.ts';
import { type InputFile, superviseTrainer, type TrainerSettings } from './trainer.ts';

export const MODEL_FILE = 'model.safetensors';
const RESUME_FILE = 'resume.safetensors';
const CHECKPOINT_FILE = 'checkpoint.safetensors';
/** The newest may be torn by a dying disk; one more is kept behind it. */
const CHECKPOINTS_KEPT: Retention = { last: 2 };
/** So often checkpoints are listed, when each time others have pruned them before they could be read. */
const LISTINGS = 5;

export type Training<Kind extends string> = {
  kind: Kind;
  identity: Identity;
  /** Epochs of the whole training, and where this segment begins (0 where it is missing) and ends. */
  epochs: number;
  from?: number;
  until: number;
  files: AsyncIterable<InputFile> | Iterable<InputFile>;
  /** Inputs from the given step on. */
  supply(fromStep: number): AsyncIterable<InputFile> | Iterable<InputFile>;
  job: TrainerJob;
  /** What decides the bits besides the trainer's machine. */
  made?: Record<string, unknown>;
};

/** Where the chain stands. */
export async function chainState<Kind extends string>(
  kind: Kind,
  { stage, key }: Identity,
  settings: TrainerSettings,
): Promise<ChainState<Ref<Kind>> & Candidates> {
  const model = () => settings.artifacts.findWhole(stage, key);
  let finished = await model();
  const { manifests, rejected } = finished ? { manifests: [], rejected: [] } : await settings.artifacts.checkpoints(stage, key);
  if (manifests.length + rejected.length === 0) finished ??= await model(); // finished since, and its checkpoints went
  if (finished) {
    const { epochs, loss } = finished.facts;
    return { epochsDone: Number(epochs), result: { kind, key, digest: finished.digest }, loss: Number(loss), ...toldBy(finished.facts) };
  }
  return { epochsDone: manifests[0] ? Number(manifests[0].facts.epoch) : 0, manifests, rejected };
}

/** What a trainer tells of its training besides the loss. */
const toldBy = ({ warning, review }: Record<string, unknown>) => ({
  warning: warning as string | undefined,
  review: review as Reviewed | undefined,
});

type Candidates = { manifests?: Manifest[]; rejected?: Rejected[] };

/**
 * The newest checkpoint whose bytes are whole, fetched; undefined when there is none at all. Those passed over are discarded, so that
 * their steps can be committed again.
 * @throws Failure DataIntegrity when there are checkpoints and every one is broken: training from nothing again is for people to decide
 */
export async function fetchCheckpoint(
  { stage, key }: Identity,
  { manifests = [], rejected = [] }: Candidates,
  { artifacts, scratch }: TrainerSettings,
): Promise<{ file: string; manifest: Manifest; passedOver?: string } | undefined> {
  const broken: Rejected[] = [...rejected];
  await makeScratch(scratch);
  for (const manifest of manifests) {
    const file = `${scratchPrefix(scratch)}${randomUUID()}`;
    const step = Number(manifest.facts.step);
    try {
      await artifacts.readToFile(objectNamed(manifest, CHECKPOINT_FILE), file);
      const newer = broken.filter((one) => one.step > step);
      for (const { step, reason } of newer) await artifacts.discardCheckpoint(stage, key, step, reason);
      if (newer.length === 0) return { file, manifest };
      return { file, manifest, passedOver: `Went on from step ${step}, as newer checkpoints were broken: ${listed(newer)}` };
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'DataIntegrity') throw error;
      broken.push({ step, reason: error.message });
    }
  }
  if (broken.length === 0) return undefined;
  throw new Failure(
    'DataIntegrity',
    `Cannot go on training as every checkpoint is broken; delete them to train from nothing: ${listed(broken)}`,
  );
}

const listed = (broken: Rejected[]) => broken.map(({ step, reason }) => `step ${step}: ${reason}`).join('; ');

/** What is going wrong besides. */
function withWarning<T extends { warning?: string }>(more: string | undefined, told: T): T {
  return more === undefined ? told : { ...told, warning: [told.warning, more].filter(Boolean).join('. ') };
}

/** Whether there is nothing to train. */
const isOver = <Kind extends string>({ until, epochs }: Training<Kind>, { result, epochsDone }: ChainState<Ref<Kind>>) =>
  result !== undefined || (epochsDone >= until && until < epochs);

/**
 * Where the chain stands and, unless the segment is over, the checkpoint to go on from. While this attempt reads, another at the same
 * training may prune all that was listed, or finish it: then what is there now counts.
 * @throws Failure DataIntegrity when that is not to be read either, or nothing though there must be a checkpoint; what the store throws
 */
async function begin<Kind extends string>(
  training: Training<Kind>,
  settings: TrainerSettings,
): Promise<{ state: ChainState<Ref<Kind>>; checkpoint?: Awaited<ReturnType<typeof fetchCheckpoint>> }> {
  const { kind, identity, from = 0 } = training;
  let state = await chainState(kind, identity, settings);
  let problem: unknown = from > 0 ? vanished(identity, from) : undefined;
  for (let listings = 1; !isOver(training, state); listings++) {
    try {
      const checkpoint = await fetchCheckpoint(identity, state, settings);
      if (checkpoint || !problem) return { state, checkpoint };
    } catch (error) {
      problem = error; // and it stays one where nothing is left at all
    }
    const now = await chainState(kind, identity, settings);
    const isHopeless = listings === LISTINGS || isDeepStrictEqual(now, state);
    if (isHopeless && !isOver(training, now)) throw problem;
    state = now;
  }
  return { state };
}

/**
 * Train one segment, or return what is there already. Where the newest checkpoint that can be used lies before the segment, nothing is
 * trained: the state says from which epoch the chain has to go on.
 * @throws Failure DataIntegrity when the segment is not the first and there is no checkpoint at all; what `superviseTrainer` throws
 */
export async function trainSegment<Kind extends string>(
  training: Training<Kind>,
  attempt: Attempt,
  settings: TrainerSettings,
): Promise<ChainState<Ref<Kind>>> {
  const { kind, identity, epochs, from = 0, until } = training;
  const { artifacts } = settings; // for what is to be kept after a cancellation, too
  const { state, checkpoint } = await begin(training, { ...settings, artifacts: artifacts.until(attempt.signal) });
  const { epochsDone, result, loss, warning, review } = state;
  if (isOver(training, state)) return { epochsDone, result, loss, warning, review };

  const told = (facts: Record<string, unknown>) => withWarning(checkpoint?.passedOver, toldBy(facts));
  const reached = checkpoint ? Number(checkpoint.manifest.facts.epoch) : 0;
  if (checkpoint && reached < from) {
    await rm(checkpoint.file);
    return { epochsDone: reached, ...told({}) };
  }
  const made = (hardware: Record<string, unknown>) => {
    const machines = machinesOf(checkpoint?.manifest, hardware);
    return { ...hardware, machines, ...training.made, attempt: attempt.number, run: attempt.run };
  };
  const resume: InputFile[] = checkpoint ? [{ name: RESUME_FILE, content: { file: checkpoint.file } }] : [];
  return superviseTrainer(
    {
      stage: identity.stage,
      resumed: checkpoint && { step: Number(checkpoint.manifest.facts.step), key: identity.key },
      job: { ...training.job, resume: resume[0]?.name },
      files: (async function* () {
        yield* training.files;
        yield* resume;
      })(),
      supply: training.supply(checkpoint ? Number(checkpoint.manifest.facts.step) : 0),
      async onCheckpoint(file, { step, epoch, curve }, hardware) {
        const object = { name: CHECKPOINT_FILE, body: { file } };
        await artifacts.commitCheckpoint({
          ...identity,
          step,
          objects: [object],
          facts: { step, epoch, curve },
          made: made(hardware),
        });
        const retention = training.job.keepCheckpoints ?? CHECKPOINTS_KEPT;
        await artifacts.pruneCheckpoints(identity.stage, identity.key, retention).catch((error: unknown) => {
          if (!isAway(error)) throw error; // the checkpoint is kept all the same, and the next one prunes again
        });
        return { key: identity.key };
      },
      async onDone(folder, facts, hardware) {
        const loss = (facts.curve as CurvePoint[]).at(-1)?.loss;
        if (until < epochs) return { epochsDone: until, loss, ...told(facts) };
        const body = await readFile(join(folder, 'out', MODEL_FILE));
        const manifest = await artifacts.commit({
          ...identity,
          objects: [{ name: MODEL_FILE, body }],
          facts: { ...facts, epochs, loss, architecture: 'architecture' in training.job ? training.job.architecture : undefined },
          made: made(hardware),
        });
        const { stage, key } = identity;
        await artifacts.pruneCheckpoints(stage, key, { last: 0 }).catch(() => undefined); // `fewlabels clean` finds what stays
        return { epochsDone: epochs, result: { kind, key: identity.key, digest: manifest.digest }, loss, ...told(facts) };
      },
    },
    { ...attempt, progress: (beat) => attempt.progress(withWarning(checkpoint?.passedOver, beat)) },
    settings,
  ).finally(() => checkpoint && rm(checkpoint.file, { force: true })); // it is still there where the trainer's folder never got it
}

/** The machines that the training was on up to its checkpoint, and from there on this one where it is of another kind. */
function machinesOf(checkpoint: Manifest | undefined, { waitedSeconds: _, ...hardware }: Record<string, unknown>): Machine[] {
  const before = (checkpoint?.made.machines ?? []) as Machine[];
  const from = Number(checkpoint?.facts.step ?? 0);
  const isSame = isDeepStrictEqual({ ...before.at(-1), from }, { ...hardware, from });
  return isSame ? before : [...before, { from, ...hardware } as Machine];
}

function vanished({ stage, key }: Identity, epoch: number): Failure {
  const state = `the store has none of ${stage} ${key}; run the recipe again to train from nothing`;
  return new Failure('DataIntegrity', `Cannot go on training after ${epoch} epochs as there must be a checkpoint of them: ${state}`);
}

/** An object of a finished model, as an input file. */
export async function modelFile(
  name: string,
  stage: 'representation' | 'classifier' | 'student',
  key: string,
  artifacts: Artifacts,
): Promise<{ file: InputFile; manifest: Manifest }> {
  const manifest = await artifacts.find(stage, key);
  if (!manifest) throw new Failure('DataIntegrity', `Cannot read the ${stage} as its manifest is gone: ${key}`);
  return { file: { name, content: objectNamed(manifest, MODEL_FILE) }, manifest };
}
