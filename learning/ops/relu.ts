/** max(x, 0) with TensorFlow's own gradient. tfjs multiplies by a mask that it makes on the host. */
import type { Tensor } from '../tensorflow.ts';
import { nativeValue, withGradient } from './native.ts';

const types = { T: 'float' } as const;

/** @param x  float32, any shape @returns the same shape */
export function relu(x: Tensor): Tensor {
  return withGradient(
    [x],
    () => {
      const value = nativeValue('Relu', { types }, [x]);
      return { value, saved: [value] };
    },
    (dy, [y]) => [nativeValue('ReluGrad', { types }, [dy, y!])],
  );
}
