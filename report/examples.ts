/** Test images with what the student says about them: wrong answers and right ones. */
import sharp from 'sharp';
import { type Html, html } from './html.ts';
import type { Example, ReportInput } from './input.ts';

/** Two galleries, mistakes first: they are what one learns from. */
export async function exampleGalleries({ examples, classes }: Pick<ReportInput, 'examples' | 'classes'>): Promise<Html | undefined> {
  if (examples.length === 0) return undefined;
  const isRight = ({ truth, predictions }: Example) => predictions[0]?.class === truth;
  const wrong = await Promise.all(examples.filter((example) => !isRight(example)).map((example) => card(example, classes)));
  const right = await Promise.all(examples.filter(isRight).map((example) => card(example, classes)));
  return html`${wrong.length > 0 ? html`<h3>Mistaken</h3><div class="gallery">${wrong}</div>` : undefined}
${right.length > 0 ? html`<h3>Right</h3><div class="gallery">${right}</div>` : undefined}`;
}

async function card(example: Example, classes: string[]): Promise<Html> {
  const nameOf = (index: number) => classes[index] ?? `class ${index}`;
  const [best] = example.predictions;
  const isRight = best?.class === example.truth;
  const answers = example.predictions
    .slice(0, 3)
    .map(
      ({ class: index, probability }) =>
        html`<li class="${index === example.truth ? 'true' : 'other'}"><span class="name">${nameOf(index)}</span><span>${Math.round(100 * probability)} %</span></li>`,
    );
  return html`<figure class="${isRight ? 'right' : 'wrong'}"><img src="${await dataUri(example)}" alt="${nameOf(example.truth)}" title="${example.id}">
<figcaption>${isRight ? undefined : html`<div class="truth">is ${nameOf(example.truth)}</div>`}<ol>${answers}</ol></figcaption></figure>`;
}

/** PNG keeps the pixels the model saw; the page enlarges them without smoothing. */
async function dataUri({ pixels, size, id }: Example): Promise<string> {
  if (typeof pixels === 'string') {
    if (!/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+$/.test(pixels))
      throw new Error(`Cannot show image "${id}" as pixels must be a data URI or RGB bytes: "${pixels.slice(0, 40)}"`);
    return pixels;
  }
  if (pixels.length !== size * size * 3)
    throw new Error(`Cannot show image "${id}" as pixels must be RGB [${size},${size},3]: ${pixels.length} bytes`);
  const png = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();
  return `data:image/png;base64,${png.toString('base64')}`;
}
