/** What every trainer finds in its environment, whoever starts it. */
export const TRAINER_ENVIRONMENT = {
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_ENABLE_ONEDNN_OPTS: '1', // TensorFlow leaves it off on CPUs without AVX-512; it changes bits, so it is always on
  TF_DETERMINISTIC_OPS: '1',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  MALLOC_ARENA_MAX: '2', // glibc keeps one for each thread otherwise, each with holes of its own
};

/** Of its worker's own environment, what a trainer may see: nothing that opens a door. */
const PASSED_ON = ['PATH', 'LANG', 'TMPDIR', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'XLA_FLAGS'];

/** The whole environment of a trainer. @param variables  its worker's */
export function trainerEnvironment(variables: Record<string, string | undefined>): Record<string, string> {
  const passedOn = PASSED_ON.flatMap((name): [string, string][] => (variables[name] ? [[name, variables[name]]] : []));
  return { ...TRAINER_ENVIRONMENT, ...Object.fromEntries(passedOn) };
}
