import { describe, expect, test } from 'vitest';
import { Failure } from '../../../contracts/failures.ts';
import { compile } from '../../../learning/compile/compile.ts';
import { failureOf } from '../../../learning/loops/failed.ts';
import { type Tensor, tf } from '../../../learning/tensorflow.ts';

/** More than any machine can address, so it is refused however memory is handed out. */
const ENORMOUS = [2 ** 29, 2 ** 29];

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('Cannot test as it must throw');
}

const enormous: [string, () => unknown][] = [
  ['TensorFlow', () => compile('enormous', ({ x }) => ({ y: tf.sum(tf.exp(tf.tile(x as Tensor, ENORMOUS))) }))({ x: tf.zeros([1, 1]) })],
  ['V8', () => new ArrayBuffer(2 ** 50)],
];

describe('failureOf', () => {
  test.each(enormous)('what does not fit in memory is OutOfMemory: %s', (_who, make) => {
    const error = thrownBy(make);
    expect(failureOf(error), String(error)).toEqual({
      kind: 'OutOfMemory',
      message: expect.stringMatching(/^Cannot train as .* fit in memory: ./),
    });
  });

  // As GPUs, XLA and CUDA's libraries say it.
  test.each([
    'OOM when allocating tensor with shape[128,64,112,112] and type float on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
    'RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4294967296 bytes.',
    'ResourceExhaustedError: Graph execution error',
    'failed to allocate 2.00GiB from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory',
    'failed to create cublas handle: CUBLAS_STATUS_ALLOC_FAILED',
  ])('OutOfMemory: %s', (text) => expect(failureOf(new Error(text)).kind).toBe('OutOfMemory'));

  test('what has a kind keeps it; a full disk is ScratchFull; the rest has crashed, with its stack', () => {
    expect(failureOf(new Failure('TrainingDiverged', 'no number'))).toEqual({ kind: 'TrainingDiverged', message: 'no number' });
    expect(failureOf(Object.assign(new Error("ENOSPC, write '/oom/out'"), { code: 'ENOSPC' })).kind).toBe('ScratchFull');
    const other = new Error('the room is full of zoom lenses');
    expect(failureOf(other)).toEqual({ kind: 'TrainerCrashed', message: other.stack });
    expect(failureOf('text')).toEqual({ kind: 'TrainerCrashed', message: 'text' });
  });
});
