/**
 * Input and result of every activity, in pipeline order. One object in, one object out; fields are only ever added, as optional,
 * so that recorded runs replay.
 */
import type {
  ClassifierRef,
  ImagesRef,
  LabelsRef,
  ReportRef,
  RepresentationRef,
  SetAside,
  ShardSetRef,
  StartRef,
  StudentRef,
} from './artifacts.ts';
import type { Reviewed } from './progress.ts';
import type { EncoderRecipe, LabelDraw, Recipe } from './recipe.ts';
import type { Score } from './scores.ts';

/** List the images, assign them to roles and shards. The plan is an object in the bucket; only its name travels. */
export type SurveyInput = { images: Recipe['images']; seed: number };
/** `images` when shards of exactly these files exist already. */
export type SurveyResult = { images?: ImagesRef; plan: string; shards: number };
/** Shards [shard, to) of the plan; that one alone where `to` is missing. */
export type ShardInput = { plan: string; shard: number; to?: number };
export type ShardResult = { images: number; setAside: number };
export type SealInput = { plan: string };
export type SealResult = ImagesRef;

/** Epochs [from, to) of a training. */
export type Segment = { from: number; to: number };

/**
 * Where a chain of segments stands: epochs already committed, which may be fewer than the segment began with where newer checkpoints turned
 * out to be broken, and the finished artifact once there is one. `warning`: what is going
 * wrong without having failed. `review`: the newest one, where there are any.
 */
export type ChainState<R> = { epochsDone: number; result?: R; loss?: number; warning?: string; review?: Reviewed };

/** Take a file of weights into the store. */
export type AdoptInput = { file: string };
export type AdoptResult = StartRef;

export type PretrainRecipe = {
  /** The weights to start from; drawn where it is missing. */
  start?: StartRef;
  encoder: EncoderRecipe;
  views: Recipe['views'];
  pretrain: Recipe['pretrain'];
  seed: number;
  compute: Recipe['compute'];
};
/** Views are shared by all runs that want the same ones, unless they are `own`: of the run of that name alone. */
type Owned = { own?: string };
/** Of shards [shard, to); of that one alone where `to` is missing. */
export type AugmentInput = Owned & {
  pool: ShardSetRef;
  size: number;
  views: Recipe['views'];
  seed: number;
  shard: number;
  to?: number;
  segment: Segment;
};
export type AugmentResult = { views: number };
export type DeleteViewsInput = Owned & { pool: ShardSetRef; size: number; views: Recipe['views']; seed: number; segment: Segment };
/** `where` settled: who renders the views; `device` is the trainer itself. Workers where it is missing. */
export type PretrainInput = PretrainRecipe &
  Owned & {
    images: ImagesRef;
    segment: Segment;
    where?: 'workers' | 'device';
    /** Labelled images to score the features by (`pretrain.probeEpochs`): some to know, and those held out to ask about. */
    probe?: { labels: LabelsRef; evaluationCrop?: number };
  };
export type PretrainResult = ChainState<RepresentationRef>;

export type DrawLabelsInput = { images: ImagesRef; draw: LabelDraw; seed: number; calibration?: Recipe['labels']['calibration'] };
export type DrawLabelsResult = LabelsRef;

/**
 * Hold some of the labelled images out, to judge trainings on the rest by: a fifth of them, or `share`, by which single epochs are judged.
 * When they are too few for that there is no split, and `why` says what it takes.
 */
export type SplitLabelsInput = { images: ImagesRef; labels: LabelsRef; seed: number; share?: number };
export type SplitLabelsResult = { split?: LabelsRef; why?: string };

/**
 * Learning rates of a baseline: the one that was used, and those that were tried, with the share of the images held out that each got right;
 * none where the training diverged.
 */
export type RateChoice = { base: number; tried: { base: number; accuracy?: number }[] };

/** Without `representation` this is the baseline: the same network and labels, trained from nothing. */
export type FinetuneInput = {
  images: ImagesRef;
  labels: LabelsRef;
  representation?: RepresentationRef;
  encoder: EncoderRecipe;
  /** SimCLR's where they are missing. */
  views?: Recipe['views'];
  finetune: Recipe['finetune'];
  /** Judge it by the images that are held out of `labels`. */
  judged?: boolean;
  /** Judge its epochs by those images, and stop early. */
  stopped?: boolean;
  /** Middle part of an image that is judged; the whole image where it is missing. */
  evaluationCrop?: number;
  seed: number;
  compute: Recipe['compute'];
};
/** `accuracy` on the images held out, when it was judged by them. */
export type FinetuneResult = ClassifierRef & { accuracy?: number };

export type DistillInput = {
  images: ImagesRef;
  labels: LabelsRef;
  teacher: ClassifierRef;
  /** Those that teach beside it, their answers averaged with its own. */
  otherTeachers?: ClassifierRef[];
  /** What the student starts from, when it has the same size. */
  representation: RepresentationRef;
  encoder: EncoderRecipe;
  /** SimCLR's where they are missing. */
  views?: Recipe['views'];
  distill: Recipe['distill'];
  seed: number;
  compute: Recipe['compute'];
  segment: Segment;
};
export type DistillResult = ChainState<StudentRef>;

export type EvaluateInput = {
  images: ImagesRef;
  draw: LabelDraw;
  labels: LabelsRef;
  baseline: ClassifierRef;
  classifier: ClassifierRef;
  student: StudentRef;
  /** Middle part of an image that the models see, as a share of its side; the whole image where it is missing. */
  evaluationCrop?: number;
  /** A network of the student's size, trained from nothing on the same labels; where that is not the teacher's size. */
  smallBaseline?: ClassifierRef;
  /** What it is worth by itself is measured too. */
  representation?: RepresentationRef;
  compute: Recipe['compute'];
  graded?: Recipe['labels']['graded'];
};
export type EvaluateResult = { key: string; digest: string; scores: Score[] };

export type WriteReportInput = {
  run: string;
  recipe: Recipe;
  images: ImagesRef;
  representation: RepresentationRef;
  models: {
    draw: LabelDraw;
    /** Missing where an older version drew them. */
    labels?: LabelsRef;
    baseline: ClassifierRef;
    classifier: ClassifierRef;
    student: StudentRef;
    evaluation: EvaluateResult;
    /** Of the baseline, and of the one of the student's size, where rates were tried. */
    rates?: { baseline: RateChoice; smallBaseline?: RateChoice };
  }[];
  setAside: SetAside;
  /** What the recipe asked for and this run could not have. */
  notes?: string[];
};
export type WriteReportResult = ReportRef;

/** Served by pipeline workers. */
export type PipelineActivities = {
  survey(input: SurveyInput): Promise<SurveyResult>;
  seal(input: SealInput): Promise<SealResult>;
  deleteViews(input: DeleteViewsInput): Promise<void>;
  adopt(input: AdoptInput): Promise<AdoptResult>;
  /** Where pretraining of this recipe stands, without starting any. */
  findRepresentation(input: PretrainRecipe & { images: ImagesRef }): Promise<PretrainResult>;
  drawLabels(input: DrawLabelsInput): Promise<DrawLabelsResult>;
  splitLabels(input: SplitLabelsInput): Promise<SplitLabelsResult>;
  writeReport(input: WriteReportInput): Promise<WriteReportResult>;
};

/** Served by data workers. */
export type DataActivities = {
  shard(input: ShardInput): Promise<ShardResult>;
  augment(input: AugmentInput): Promise<AugmentResult>;
};

/** Served by training workers. */
export type TrainingActivities = {
  pretrain(input: PretrainInput): Promise<PretrainResult>;
  finetune(input: FinetuneInput): Promise<FinetuneResult>;
  distill(input: DistillInput): Promise<DistillResult>;
  evaluate(input: EvaluateInput): Promise<EvaluateResult>;
};
