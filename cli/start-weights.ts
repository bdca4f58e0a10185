/** Whether pretraining can start from the file that the recipe names, told before anything waits for it. */
import { representationArchitecture } from '../contracts/architecture.ts';
import type { Recipe } from '../contracts/recipe.ts';
import { BadInput } from './problem.ts';

/** @throws BadInput when the file is not there, is no safetensors file or holds another encoder */
export async function checkStart({ pretrain, encoder, images }: Recipe, variables: Record<string, string | undefined>): Promise<void> {
  const { start } = pretrain;
  if (start === undefined || start.startsWith('s3://')) return;
  variables.TF_CPP_MIN_LOG_LEVEL ??= '2'; // before TensorFlow loads
  variables.TF_ENABLE_ONEDNN_OPTS ??= '0'; // with oneDNN it prints two lines about rounding
  const [{ loadStart }, { networkOf }, { tf }] = await Promise.all([
    import('../learning/state.ts'),
    import('../learning/networks/network.ts'),
    import('../learning/tensorflow.ts'),
  ]);
  const architecture = representationArchitecture({ encoder, pretrain }, images.size);
  try {
    tf.dispose(await loadStart(start, architecture, networkOf(architecture).parameters));
  } catch (error) {
    throw new BadInput(`pretrain.start must be a .safetensors file that fits the encoder: "${start}": ${(error as Error).message}`);
  }
}
