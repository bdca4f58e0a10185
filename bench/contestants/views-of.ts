/** Ours: views as activities/augment.ts renders them, chunk by chunk. */
import { chunkImages } from '../../activities/augment.ts';
import { Recipe } from '../../contracts/recipe.ts';
import { viewSettings } from '../../contracts/views.ts';
import { drawViews } from '../../learning/views/draw.ts';
import { renderViews } from '../../learning/views/render.ts';

const VIEWS = 2;
/** SimCLR's colour jitter: 0.5 for CIFAR-10, 1 for ImageNet. */
const jitter = (size: number) => (size <= 32 ? 0.5 : 1);
/**
 * Makes two views of each image in one epoch.
 * @returns of uint8 [n, size, size, 3] the bytes of its views, an array for each chunk
 */
export function viewsOf(size: number): (pixels: Uint8Array, epoch: number) => Uint8Array[] {
  const { views } = Recipe.parse({ name: 'views', images: { train: 'any' }, views: { jitter: jitter(size) } });
  const settings = viewSettings(views, size);
  const [imageBytes, chunk] = [size * size * 3, chunkImages(size)];
  return (pixels, epoch) => {
    const ids = Array.from({ length: pixels.length / imageBytes }, (_, i) => `image ${i}`);
    return Array.from({ length: Math.ceil(ids.length / chunk) }, (_, i) => {
      const part = ids.slice(i * chunk, (i + 1) * chunk);
      const data = pixels.subarray(i * chunk * imageBytes, (i * chunk + part.length) * imageBytes);
      const parameters = drawViews(settings, 1, epoch, part, VIEWS, size);
      return renderViews({ dtype: 'uint8', shape: [part.length, size, size, 3], data }, parameters).data;
    });
  };
}
