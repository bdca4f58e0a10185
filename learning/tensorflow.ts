/**
 * TensorFlow, loaded once. tfjs-node calls two functions of `util` that Node 23 removed, so they are put back before it loads.
 */
import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs-node-gpu';

const require = createRequire(import.meta.url);
const util = require('node:util') as Record<string, unknown>;
util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
util.isArray ??= Array.isArray;

export const tf = load();
export type Tensor = TensorFlow.Tensor;

/** tfjs advises `npm rebuild` when its addon does not load, which would build it without our changes. */
function load(): typeof TensorFlow {
  try {
    return require('@tensorflow/tfjs-node-gpu');
  } catch (error) {
    const [reason] = (error as Error).message.split('\n');
    throw new Error(`Cannot load TensorFlow as set-up must have built it for this folder: run \`npm run setup\`. It said: ${reason}`);
  }
}
