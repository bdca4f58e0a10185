/** For commands that use TensorFlow themselves. */
import type { Context } from './terminal.ts';

/**
 * What it must find in the environment when it loads: without a word, and on a GPU with the memory it needs, as a training may be there.
 * With oneDNN it prints two lines about rounding that no log level silences; for answers it is not needed.
 */
export function beforeTensorflow(variables: Context['variables']): void {
  variables.TF_CPP_MIN_LOG_LEVEL ??= '2';
  variables.TF_ENABLE_ONEDNN_OPTS ??= '0';
  variables.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true';
}
