/** What ends a command early, and the exit status that goes with it. */

export const EXIT = { done: 0, failed: 1, badInput: 2, interrupted: 130 } as const;

/** The person's input is wrong: every mistake found, one line each. Exit status 2. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
  readonly mistakes: string[];
  constructor(mistakes: string | string[]) {
    const list = typeof mistakes === 'string' ? [mistakes] : mistakes;
    super(list.join('\n'));
    this.mistakes = list;
  }
}

/** The command has said all there is to say; only the exit status is left. */
export class Quit extends Error {
  override readonly name = 'Quit';
  constructor(readonly status: number) {
    super(`exit ${status}`);
  }
}

/** What a person reads about an error: its message without a stack, and the cause when that adds something. */
export function explain(error: unknown): string[] {
  if (error instanceof BadInput) return error.mistakes;
  if (!(error instanceof Error)) return [String(error)];
  if (error instanceof AggregateError && error.errors.length > 0)
    return error.message ? [error.message, ...error.errors.flatMap(explain)] : explain(error.errors[0]);
  const message = error.message || error.name;
  if (error.name === 'Failure') return [message]; // it says all by itself
  const cause = error.cause instanceof Error ? error.cause.message : '';
  return [cause && !message.includes(cause) ? `${message} (${cause})` : message];
}

/** The one object of `--json` when a command ended before it had anything to print. */
export function failureJson(error: unknown): string {
  const kind = error instanceof Error && 'kind' in error ? error.kind : undefined;
  const mistakes = error instanceof BadInput ? { mistakes: error.mistakes } : {};
  return JSON.stringify({
    state: 'failed',
    error: explain(error)
      .join('\n')
      .replace(/^error: /, ''),
    kind,
    ...mistakes,
  });
}

export function exitStatus(error: unknown): number {
  if (error instanceof Quit) return error.status;
  if (error instanceof BadInput) return EXIT.badInput;
  return statusOfKind(error instanceof Error && 'kind' in error ? error.kind : undefined);
}

/** InvalidRecipe and InvalidImages are the person's to mend, wherever they were noticed. */
export function statusOfKind(kind: unknown): number {
  return kind === 'InvalidRecipe' || kind === 'InvalidImages' ? EXIT.badInput : EXIT.failed;
}
