/** What every trainer finds in its environment, whoever starts it. */
export const TRAINER_ENVIRONMENT = {
  TF_CPP_MIN_LOG_LEVEL: '2',
  TF_ENABLE_ONEDNN_OPTS: '1', // TensorFlow leaves it off on CPUs without AVX-512; it changes bits, so it is always on
  TF_DETERMINISTIC_OPS: '1',
  TF_FORCE_GPU_ALLOW_GROWTH: 'true',
  MALLOC_ARENA_MAX: '2', // glibc keeps one for each thread otherwise, each with holes of its own
};
