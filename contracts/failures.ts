/** One table of failure kinds. Anything a stage throws on purpose has one of these types; the rest is retried as infrastructure. */
export const FAILURES = {
  InvalidRecipe: { retryable: false, meaning: 'the recipe breaks a rule' },
  InvalidImages: { retryable: false, meaning: 'the images cannot serve this recipe: none, too few of a class, too many unreadable' },
  TrainingDiverged: { retryable: false, meaning: 'the loss is no longer a number' },
  DataIntegrity: { retryable: false, meaning: 'stored bytes do not match their digest, and no older copy is left' },
  AccessDenied: { retryable: false, meaning: 'the object store refuses the credentials' },
  OutOfMemory: { retryable: false, meaning: 'the trainer does not fit in memory' },
  ViewsMissing: { retryable: false, meaning: 'views of this segment were deleted; the workflow renders them again' },
  TrainerCrashed: { retryable: true, meaning: 'the trainer process ended before its work did' },
  TrainerStalled: { retryable: true, meaning: 'the trainer made no progress for too long' },
  StoreUnavailable: { retryable: true, meaning: 'the object store does not answer' },
  ScratchFull: { retryable: true, meaning: 'no space is left in the scratch folder' },
} as const;
export type FailureKind = keyof typeof FAILURES;

/** The kinds that are never retried, as Temporal's retry policy wants them. */
export const FATAL: string[] = Object.entries(FAILURES)
  .filter(([, { retryable }]) => !retryable)
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
