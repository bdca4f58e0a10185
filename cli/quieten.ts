/** For commands that use TensorFlow themselves. */
import type { Context } from './terminal.ts';

/** Before TensorFlow loads. With oneDNN it prints two lines about rounding that no log level silences; for answers it is not needed. */
export function quieten(variables: Context['variables']): void {
  variables.TF_CPP_MIN_LOG_LEVEL ??= '2';
  variables.TF_ENABLE_ONEDNN_OPTS ??= '0';
  variables.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true'; // a training may be on that GPU
}
