/** What stands on the encoder: SimCLRv2's projection head while pretraining, some of its layers and a classifier afterwards. */
import type { Recipe } from '../../contracts/recipe.ts';
import { chain, dense, type Layer, norm, rectifier } from './layers.ts';

/**
 * Projection head, [B, F] → [B, projection] (google-research/simclr, tf2/model.py `ProjectionHead`): dense without bias and batch
 * norm, hidden width F, ReLU in between; the last norm has no beta and no ReLU follows. Of no layers, it gives the features, [B, F].
 */
export function projectionHead(features: number, layers: number, projection: number): Layer {
  if (layers === 0) return chain();
  const last = chain(projectionDense(layers, features, projection), norm(`head/layer${layers}/norm`, projection, { beta: false }));
  return chain(keptHead(features, layers - 1), last);
}

/** The first `layers` inner layers of a projection head, [B, F] → [B, F]; what fine-tuning starts from. None gives the features. */
export function keptHead(features: number, layers: number): Layer {
  const inner = Array.from({ length: layers }, (_, i) =>
    chain(projectionDense(i + 1, features, features), norm(`head/layer${i + 1}/norm`, features), rectifier),
  );
  return chain(...inner);
}

const projectionDense = (layer: number, from: number, to: number) =>
  dense(`head/layer${layer}/dense`, from, to, { kind: 'normal', deviation: 0.01 }, false);

/** How a classification layer begins: zeros, so that the first loss is ln(classes); `uniform` within ±1/√F, as PyTorch's nn.Linear. */
export type ClassifierInit = Recipe['finetune']['classifierInit'];

/** Classifier, [B, F] → logits [B, classes]: dense with bias, which begins at zero. */
export function classifierHead(features: number, classes: number, init: ClassifierInit = 'zeros'): Layer {
  return dense(
    'classifier/dense',
    features,
    classes,
    init === 'zeros' ? { kind: 'zeros' } : { kind: 'uniform', within: features ** -0.5 },
    true,
  );
}
