/**
 * Gaussian blur with a width of its own for every view, as two products with a band matrix. Pixels beyond the edge count as black,
 * as in SimCLR (SAME padding with zeros).
 * @see google-research/simclr data_util.py gaussian_blur
 */
import { type Tensor, tf } from '../tensorflow.ts';
import { eachPlane, type Planes } from './planes.ts';

/** Radius of the kernel for views of that side: half of size // 10, so 3 taps at 32 px, 9 at 96, 23 at 224. */
export const blurRadius = (size: number): number => Math.floor(Math.floor(size / 10) / 2);

/** exp(−x² / 2σ²) for x = −radius..radius, scaled to sum 1. */
export function blurKernel(sigma: number, radius: number): number[] {
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Band matrices float32 [B, S, S], one for each σ > 0; symmetric, so they serve rows and columns. */
export function blurMatrices(sigmas: number[], size: number): Float32Array {
  const radius = blurRadius(size);
  const matrices = new Float32Array(sigmas.length * size * size);
  for (const [b, sigma] of sigmas.entries()) {
    const kernel = blurKernel(sigma, radius);
    for (let row = 0; row < size; row++) {
      for (let column = Math.max(0, row - radius); column <= Math.min(size - 1, row + radius); column++) {
        matrices[(b * size + row) * size + column] = kernel[column - row + radius]!;
      }
    }
  }
  return matrices;
}

/** Every image blurred with its own matrix [B, S, S]. */
export function blur(planes: Planes, matrices: Tensor): Planes {
  return eachPlane(planes, (plane) => tf.matMul(matrices, tf.matMul(plane, matrices)));
}
