/** One table of failure kinds: what `docs/failures.md` tells, and what activities go by. Whatever a stage throws has one of these types. */

type Row = {
  /** How it shows. */
  shows: string;
  /** Whether Temporal tries again; `in progress`: once the training has taken a step, so that it can do what it asks for. */
  retryable: boolean | 'in progress';
  /** So many without progress stop the run; where it is missing Temporal tries for as long as its policy says. */
  limit?: number;
  /** What the run does. */
  run: string;
  /** What the person should do. */
  person: string;
};

/** What repeats itself so often without progress is no accident. */
const REPEATS = 5;
/** Over an hour with the pauses between them: time for someone to see to the machine. */
const LONG = 20;

const row = (row: Row): Row => row;
export const FAILURES = {
  InvalidRecipe: row({
    shows: 'the recipe breaks a rule',
    retryable: false,
    run: 'fails before anything starts, and names every mistake',
    person: 'mend the recipe',
  }),
  InvalidImages: row({
    shows: 'the images cannot serve this recipe: none, too few of a class, too many unreadable',
    retryable: false,
    run: 'fails before any training',
    person: 'mend the folders or the recipe; finished stages are re-used',
  }),
  TrainingDiverged: row({
    shows: 'the loss or a weight is no longer a number',
    retryable: false,
    run: 'fails and names the last good checkpoint',
    person: 'lower the learning rate or lengthen the warm-up',
  }),
  DataIntegrity: row({
    shows: 'stored bytes do not match their digest or are gone, and no older copy is left',
    retryable: false,
    run: 'fails; a broken checkpoint alone is passed over for an older one, with a record',
    person: 'look after the disk or bucket, delete what the message names, and run again',
  }),
  AccessDenied: row({
    shows: 'the object store refuses the credentials',
    retryable: false,
    run: 'fails',
    person: 'mend the credentials and run again; it goes on where it was',
  }),
  KeyMissing: row({
    shows: 'what was sent through Temporal is encrypted with a key that this worker or command does not have',
    retryable: true,
    run: 'waits for a worker that has the key',
    person: 'give the key that the message names to it, in `FEWLABELS_CODEC_KEY` (docs/network.md)',
  }),
  OutOfMemory: row({
    shows: 'network and batch do not fit in the memory of the device or the machine: TensorFlow says so, or the kernel ends the trainer',
    retryable: 'in progress',
    limit: REPEATS,
    run: 'fails when the training never took a step; else goes on from the last checkpoint, as something else may have filled the memory',
    person: 'a smaller batch, `accumulate`, a narrower encoder, or a larger machine; end what else is on it',
  }),
  ViewsMissing: row({
    shows: 'views of this segment were deleted',
    retryable: false,
    run: 'renders them again',
    person: 'nothing',
  }),
  TrainerCrashed: row({
    shows: 'the trainer process ended before its work did',
    retryable: true,
    limit: REPEATS,
    run: 'goes on from the last checkpoint',
    person: 'nothing; when it repeats itself, see what the trainer said, in the message',
  }),
  TrainerStalled: row({
    shows: 'the trainer had inputs and made no progress for too long (`FEWLABELS_STALL_SECONDS`)',
    retryable: true,
    limit: REPEATS,
    run: 'ends the trainer and goes on from the last checkpoint',
    person: 'nothing; when it repeats itself, see whether the device works',
  }),
  StoreUnavailable: row({
    shows: 'the object store does not answer, or cannot: overloaded, or its disk full',
    retryable: true,
    run: 'waits and says so; a training goes on meanwhile as long as it has inputs',
    person: 'bring the store back; the message has its last answer',
  }),
  ScratchFull: row({
    shows: 'no space is left in the scratch folder',
    retryable: true,
    limit: LONG,
    run: 'tries again, for over an hour',
    person: 'free some space, or name another folder in `FEWLABELS_SCRATCH`',
  }),
  WorkerLost: row({
    shows: 'a worker was killed, or its machine is gone: no heartbeat for half a minute (`compute.lostAfterSeconds`)',
    retryable: true,
    limit: LONG,
    run: 'goes on from the last checkpoint on another worker',
    person: 'see that a worker is up; when it repeats itself, see what kills it',
  }),
  Preempted: row({
    shows: 'a worker was told to end, or the activity was paused or reset (`WorkerShutdown`, `ActivityPause`, `ActivityReset`)',
    retryable: true,
    run: 'writes a last checkpoint and goes on from it on another worker, or when it is let go on',
    person: 'nothing; see that a worker is up',
  }),
  Unexpected: row({
    shows: 'any other error',
    retryable: true,
    limit: REPEATS,
    run: 'tries again',
    person: 'report it with the message, unless that says what is wrong',
  }),
  RepeatedFailure: row({
    shows: 'one of the others came again and again without progress',
    retryable: false,
    run: 'fails and says which, with its last message',
    person: 'what that one asks for; then run again, it goes on where it was',
  }),
} as const;
export type FailureKind = keyof typeof FAILURES;

/** The kinds that are never retried, as Temporal's retry policy wants them. */
export const FATAL: string[] = Object.entries(FAILURES)
  .filter(([, { retryable }]) => retryable === false)
  .map(([kind]) => kind);

/**
 * A failure of a known kind. Its message follows "Cannot <do what> as <rule>: <current state>". Activities turn it into a
 * Temporal ApplicationFailure of the same type; command line tools print the message.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    readonly kind: FailureKind,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
