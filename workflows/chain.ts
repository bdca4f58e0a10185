/** A training in segments. The store says where it stands, and each segment is chosen by that: it may be further than this run knows, or less far. */
import { ApplicationFailure } from '@temporalio/workflow';
import { segmentAt } from '../contracts/segments.ts';
import type { ChainState, Segment } from '../contracts/stages.ts';
import type { Run } from './run.ts';

/** Times that a training may fall back to an older checkpoint without getting further than before. */
const SETBACKS = 5;

export type Chain<R> = {
  stage: 'representation' | 'student';
  /** How far it is, as far as is known. */
  found: ChainState<R>;
  /** K, epochs of one segment, and of all. */
  length: number;
  epochs: number;
  train(segment: Segment): Promise<ChainState<R>>;
};

/**
 * Train segment after segment until there is a result, and leave a full page in between.
 * @throws ApplicationFailure DataIntegrity where checkpoints are lost as fast as they are made
 */
export async function trainChain<R>(run: Run, { stage, found, length, epochs, train }: Chain<R>): Promise<R> {
  let state = found;
  let furthest = found.epochsDone;
  let setbacks = 0;
  while (!state.result) {
    const before = state.epochsDone;
    const segment = segmentAt(before, length, epochs);
    state = await train(segment);
    run.tracker.advance(stage, state.epochsDone - before);
    if (state.result) break;
    setbacks = state.epochsDone > furthest ? 0 : setbacks + 1;
    furthest = Math.max(furthest, state.epochsDone);
    if (setbacks >= SETBACKS) {
      const rule = `the ${stage} must get beyond epoch ${furthest}: it fell back ${setbacks} times, last to epoch ${state.epochsDone}`;
      throw ApplicationFailure.nonRetryable(`Cannot go on training as ${rule}`, 'DataIntegrity');
    }
    if (setbacks === 0) run.turnPage(); // the next page would not know of them
  }
  return state.result;
}
