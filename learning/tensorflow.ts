/**
 * TensorFlow, loaded once. tfjs-node calls two functions of `util` that Node 23 removed, so they are put back before it loads.
 */
import { createRequire } from 'node:module';
import type * as TensorFlow from '@tensorflow/tfjs-node-gpu';

const require = createRequire(import.meta.url);
const util = require('node:util') as Record<string, unknown>;
util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
util.isArray ??= Array.isArray;

export const tf = require('@tensorflow/tfjs-node-gpu') as typeof TensorFlow;
export type Tensor = TensorFlow.Tensor;
