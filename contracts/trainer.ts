/**
 * The trainer's job and its messages. A trainer is a child process that sees one scratch folder: files in, files out, no network.
 * Inputs appear in `in/` by rename, complete, in the order they will be read; the trainer deletes a file it is done with, and the
 * supervisor keeps a bounded number there. Checkpoints appear in `out/` by rename and are announced by message.
 */
import type { CurvePoint, Reviewed } from './progress.ts';
import type { EncoderRecipe, Recipe } from './recipe.ts';
import type { ViewLaws } from './views.ts';

/** Shape of the network whose weights are in a file; stored with the weights and checked on load. */
export type Architecture = {
  encoder: Pick<EncoderRecipe, 'depth' | 'width'> & {
    stem: 'small' | 'imagenet';
    /** These four are there only where the network is not SimCLR's plain one: older files have none of them. */
    selectiveKernel?: true;
    shortcut?: 'torchvision';
    padding?: 'torchvision';
    colours?: 'torchvision';
  };
  /** Layers of the projection head kept in front of the classifier, or all of them for a representation. */
  headLayers: number;
  projection: number;
  /** Output classes; 0 for a representation. */
  classes: number;
  /** Side of the input images, pixels. */
  size: number;
};

/** Shards as the trainer reads them: file names in `in/`, in their canonical order, and how many images each holds. */
export type ShardFiles = { images: number }[];

type Common = Recipe['compute'] & {
  seed: number;
  /** Checkpoint to go on from, a file in `in/`. */
  resume?: string;
};

/**
 * How views are drawn, `auto` settled; laws that are missing are SimCLR's. `kind`: `simclr` are those of pretraining; the others have crops,
 * flips and turns only, and each kind its own draws.
 */
export type ViewSettings = Pick<Recipe['views'], 'jitter' | 'minArea'> & {
  kind: 'simclr' | 'finetune' | 'distill';
  blur: boolean;
} & Partial<ViewLaws>;

export type PretrainJob = Common & {
  kind: 'pretrain';
  architecture: Architecture;
  /** A file in `in/` whose encoder is the first weights; drawn where it is missing. */
  start?: string;
  pretrain: Recipe['pretrain'];
  /** Shards of views; of images when the trainer renders the views itself. */
  shards: ShardFiles;
  /** How the trainer renders them; missing when others have. */
  views?: ViewSettings;
  /**
   * Score the features after every so many epochs: `known`, labelled images in `in/known-<i>.safetensors`, by which those of
   * `in/judged-<i>.safetensors` are called. `evaluationCrop` as in the recipe; the whole image where it is missing.
   */
  probe?: { everyEpochs: number; classes: number; evaluationCrop?: number; known: ShardFiles; judged: ShardFiles };
  /** Ends at the last step of this epoch (exclusive). */
  untilEpoch: number;
};
export type FinetuneJob = Common & {
  kind: 'finetune';
  architecture: Architecture;
  /** `in/representation.safetensors` when there is one; else the baseline. */
  baseline: boolean;
  finetune: Recipe['finetune'];
  views: ViewSettings;
  /** The labelled images, packed. */
  shards: ShardFiles;
  /** How many of them are of each class; the classes weigh alike then (`finetune.classWeights`). */
  classImages?: number[];
  /** Others to judge the classifier by; they come after the last epoch, as if they were one more. */
  heldOut?: ShardFiles;
  /** Early stopping: labelled images, `in/judged-<i>.safetensors`, that every epoch is judged by. */
  stopping?: { patience: number; judged: ShardFiles };
  /**
   * How those images are judged by: with `classImages`, how many of them are of each class, by balanced accuracy; `evaluationCrop` as in the
   * recipe, the whole image where it is missing.
   */
  judging?: { classImages?: number[]; evaluationCrop?: number };
};
export type DistillJob = Common & {
  kind: 'distill';
  teacher: Architecture;
  /** How many there are of that architecture; 1 without it. */
  teachers?: number;
  /** `in/representation.safetensors` is where the student starts; else from nothing. */
  pretrained: boolean;
  architecture: Architecture;
  distill: Recipe['distill'];
  views: ViewSettings;
  shards: ShardFiles;
  untilEpoch: number;
};
export type EvaluateJob = Common & {
  kind: 'evaluate';
  models: { name: string; architecture: Architecture }[];
  /** As in the recipe; the whole image where it is missing. */
  evaluationCrop?: number;
  shards: ShardFiles;
  /** The classes are grades in order. */
  graded?: boolean;
  /** The model to fit a temperature for, and the labelled images, `in/calibration-<i>.safetensors`, that no training saw the labels of. */
  calibration?: { model: string; shards: ShardFiles };
  /** Measures the frozen encoder of `in/representation.safetensors` by labelled images too; its architecture with a linear classifier. */
  frozen?: { architecture: Architecture; labelled: ShardFiles };
};
export type TrainerJob = PretrainJob | FinetuneJob | DistillJob | EvaluateJob;

/** What decides the bits of a training besides its job. `threads`: also where the job leaves them to the machine. */
export type Hardware = { tensorflow: string; device: string; processor: string; threads: number; precision: string };
/** Where a training went on, from the step `from` on. */
export type Machine = Hardware & { from: number };

/** Trainer to supervisor. */
export type TrainerMessage =
  | ({ type: 'ready' } & Hardware)
  | {
      type: 'progress';
      step: number;
      steps: number;
      epoch: number;
      epochs: number;
      loss: number;
      accuracy?: number;
      images: number;
      imagesPerSecond: number;
      secondsLeft: number;
      review?: Reviewed;
      warning?: string;
    }
  /** Still at work, with nothing to tell. */
  | { type: 'alive' }
  | { type: 'checkpoint'; step: number; epoch: number; file: string; curve: CurvePoint[]; final: boolean }
  | { type: 'done'; facts: Record<string, unknown>; waitedSeconds?: number }
  | { type: 'failed'; kind: string; message: string };

/** Supervisor to trainer: write a checkpoint at the next step and end. */
export type SupervisorMessage = { type: 'stop' };
