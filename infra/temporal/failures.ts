/**
 * Failures whose messages are encrypted like everything else. This file is loaded by workers and, as Temporal asks, inside workflows. That a key is
 * missing stays readable: whoever must mend it may not have the key either.
 */
import { ApplicationFailure, DefaultFailureConverter, type FailureConverter } from '@temporalio/common';

const [secret, open] = [new DefaultFailureConverter({ encodeCommonAttributes: true }), new DefaultFailureConverter()];

const isKeyMissing = (error: unknown) => error instanceof ApplicationFailure && error.type === 'KeyMissing';

export const failureConverter: FailureConverter = {
  errorToFailure: (error, ...rest) => (isKeyMissing(error) ? open : secret).errorToFailure(error, ...rest),
  failureToError: (failure, ...rest) => secret.failureToError(failure, ...rest),
};
