import { expect, test } from 'vitest';
import { openStudent } from '../../cli/student.ts';
import type { Architecture } from '../../contracts/trainer.ts';
import { networkOf } from '../../learning/networks/network.ts';
import { decodeSafetensors, encodeSafetensors } from '../../learning/safetensors.ts';
import { tf } from '../../learning/tensorflow.ts';
import { countedImages, countedState } from '../golden/counted.ts';

const SIZE = 16;
const architectureOf = (encoder: Architecture['encoder']): Architecture => ({
  encoder,
  headLayers: 0,
  projection: 2,
  classes: 3,
  size: SIZE,
});

/** The file of a student, its weights counted ones. */
function fileOf(architecture: Architecture): Buffer {
  const state = Object.entries(countedState(networkOf(architecture).parameters));
  const tensors = state.map(([name, tensor]) => [
    name,
    { dtype: 'float32' as const, shape: tensor.shape, data: tensor.dataSync<'float32'>() },
  ]);
  return Buffer.from(encodeSafetensors(Object.fromEntries(tensors), { architecture: JSON.stringify(architecture) }));
}

test.each<Architecture['encoder']>([
  { depth: 18, width: 0.0625, stem: 'small' },
  { depth: 18, width: 0.0625, stem: 'imagenet', shortcut: 'torchvision', padding: 'torchvision', colours: 'torchvision' },
  { depth: 101, width: 0.0625, stem: 'imagenet', selectiveKernel: true },
])('openStudent: %o answers as its network does', async (encoder) => {
  const architecture = architectureOf(encoder);
  const pixels = Uint8Array.from(tf.mul(countedImages(1, SIZE), 255).dataSync());
  const [answer] = await openStudent(fileOf(architecture), 'student').predict([pixels]);
  const network = networkOf(architecture);
  const images = tf.tensor(
    Float32Array.from(pixels, (byte) => byte / 255),
    [1, SIZE, SIZE, 3],
  );
  const { output } = network.apply(countedState(network.parameters), images, { training: false });
  expect(answer).toEqual(Array.from(tf.softmax(output).dataSync()));
});

test('openStudent: a network with an option it does not know is refused', () => {
  const unknown = { depth: 18, width: 0.0625, stem: 'small', dilation: 2 } as Architecture['encoder'];
  expect(() => openStudent(fileOf(architectureOf(unknown)), 'student')).toThrow(/must be a student written by fewlabels/);
});

test('openStudent: a network larger than any recipe’s, and weights of other shapes, are refused before anything is made', () => {
  const sound = architectureOf({ depth: 18, width: 0.0625, stem: 'small' });
  const said = (changes: Partial<Architecture>) =>
    Buffer.from(encodeSafetensors({}, { architecture: JSON.stringify({ ...sound, ...changes }) }));
  for (const changes of [{ headLayers: 1e9 }, { classes: 1e9 }, { size: 1e6 }, { encoder: { ...sound.encoder, width: 1e6 } }])
    expect(() => openStudent(said(changes), 'student')).toThrow(/must be a student written by fewlabels/);
  const { tensors, metadata } = decodeSafetensors(fileOf(sound));
  const other = { ...tensors, 'classifier/dense/bias': { dtype: 'float32' as const, shape: [2], data: new Float32Array(2) } };
  expect(() => openStudent(Buffer.from(encodeSafetensors(other, metadata)), 'student')).toThrow(
    /1 are missing, such as classifier\/dense\/bias \[3\]/,
  );
});
