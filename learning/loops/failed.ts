/** What a trainer says of an error that ends it. */
import { Failure } from '../../contracts/failures.ts';

/** What TensorFlow says when memory is short, on CPUs, GPUs and in CUDA's libraries, and V8 for memory outside its heap. */
const OUT_OF_MEMORY = /\bOOM\b|RESOURCE_?EXHAUSTED|out[ _]of[ _]memory|ALLOC_FAILED|buffer allocation failed/i;

/** The kind of a failure, and its message: what names no kind and is no want of memory or space is a crash. */
export function failureOf(error: unknown): { kind: string; message: string } {
  if (error instanceof Failure) return { kind: error.kind, message: error.message };
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
    return { kind: 'ScratchFull', message: `Cannot write to the scratch folder as it must have space left: ${text}` };
  }
  if (OUT_OF_MEMORY.test(text)) return { kind: 'OutOfMemory', message: `Cannot train as network and batch must fit in memory: ${text}` };
  return { kind: 'TrainerCrashed', message: error instanceof Error ? (error.stack ?? text) : text };
}
