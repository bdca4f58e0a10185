/** What a run tells while it goes: the `progress` query, search attributes, and the details on its page in the Temporal UI. */
import { defineQuery, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { SetAside } from '../contracts/artifacts.ts';
import { PROGRESS_QUERY, type RunProgress, type StageProgress } from '../contracts/progress.ts';
import type { ImageSource, Recipe } from '../contracts/recipe.ts';

const STAGE_ORDER = ['shards', 'views', 'representation', 'classifier', 'student', 'report'] as const;
type Stage = (typeof STAGE_ORDER)[number];

const progressQuery = defineQuery<RunProgress>(PROGRESS_QUERY);

/** What one part of a run has told of each stage; a stage stands where the sum over the parts does. */
type Ledger = { [stage in Stage]?: { done: number; total: number; each?: number; note?: string } };
/** What is told again when the run goes on as a new workflow: the ledgers of finished parts, and what concerns the whole run. */
export type Told = { parts: Record<string, Ledger>; warning?: string; notes: string[] };

export type Tracker = {
  /** `total` more pieces of this stage are known to come; `each` of them are one training, or one activity. */
  expect(stage: Stage, total: number, each?: number): void;
  /** `pieces` more of this stage are done; fewer, where a training had to go back to an older checkpoint. */
  advance(stage: Stage, pieces?: number): void;
  /** `pieces` that were expected are not needed. */
  forgo(stage: Stage, pieces: number): void;
  /** The stage was found finished in the store. */
  reuse(stage: Stage): void;
  /** The stage has no pieces of its own; `note` says where its work is done. */
  leaveOut(stage: Stage, note: string): void;
  setAside(setAside: SetAside): void;
  /** What is going wrong without having failed; nothing when it no longer is. */
  warn(warning: string | undefined): void;
  warning(): string | undefined;
  /** What the recipe asked for and this run cannot have, with the reason. */
  note(text: string): void;
  notes(): string[] | undefined;
  accuracy(accuracy: number): void;
  pause(isPaused: boolean): void;
  /** The tracker of a part of the run, which begins to tell anew. */
  part(name: string): Tracker;
  /** @param finished  names of the parts that will not tell again */
  told(finished: string[]): Told;
};

/** Start telling. Call once, first thing in the workflow. @param before  what earlier workflows of this run told */
export function trackRun(recipe: Recipe, before?: Told): Tracker {
  const ledgers = new Map<string, Ledger>(Object.entries(before?.parts ?? {}));
  const noted = before?.notes ?? [];
  let warned = before?.warning;
  let aside: SetAside | undefined;
  let isPaused = false;
  let current = '';
  const stages = () => STAGE_ORDER.map((stage) => stageOf(stage, [...ledgers.values()]));
  const notes = () => (noted.length > 0 ? noted : undefined);
  setHandler(progressQuery, () => ({
    stages: stages(),
    setAside: aside,
    warning: warned,
    notes: notes(),
    ...(isPaused ? { paused: isPaused } : {}),
  }));
  upsertSearchAttributes({ FewlabelsRecipe: [recipe.name], FewlabelsDataset: [sourceText(recipe.images.train).slice(-255)] });

  const tell = () => {
    const now = stages();
    const running = isPaused ? 'paused' : (now.findLast(({ state }) => state === 'running')?.stage ?? current);
    if (running !== current) upsertSearchAttributes({ FewlabelsStage: [running] });
    current = running;
    const lines = [...(isPaused ? ['⏸ paused'] : []), ...(warned ? [`⚠ ${warned}`] : []), ...noted];
    setCurrentDetails(detailsOf(now, aside, lines));
  };
  const part = (name: string): Tracker => {
    const ledger: Ledger = {};
    ledgers.set(name, ledger);
    const change = (stage: Stage, { done = 0, total = 0, ...told }: Partial<StageProgress>) => {
      const entry = ledger[stage] ?? { done: 0, total: 0 };
      ledger[stage] = { ...entry, ...told, done: entry.done + done, total: entry.total + total };
      tell();
    };
    return {
      expect: (stage, total, each) => change(stage, { total, ...(each === undefined ? {} : { each }) }),
      advance: (stage, pieces = 1) => change(stage, { done: pieces }),
      forgo: (stage, pieces) => change(stage, { total: -pieces }),
      reuse: (stage) => change(stage, { note: 're-used' }),
      leaveOut: (stage, note) => change(stage, { note }),
      setAside(setAside) {
        aside = setAside;
        tell();
      },
      warn(warning) {
        warned = warning;
        tell();
      },
      warning: () => warned,
      note(text) {
        if (!noted.includes(text)) noted.push(text);
        tell();
      },
      notes,
      accuracy(accuracy) {
        upsertSearchAttributes({ FewlabelsAccuracy: [accuracy] });
      },
      pause(paused) {
        isPaused = paused;
        tell();
      },
      part,
      told: (finished) => ({
        parts: Object.fromEntries(finished.flatMap((name) => [[name, ledgers.get(name) ?? {}]])),
        warning: warned,
        notes: noted,
      }),
    };
  };
  return part('');
}

function stageOf(stage: Stage, ledgers: Ledger[]): StageProgress {
  const entries = ledgers.flatMap((ledger) => ledger[stage] ?? []);
  const total = entries.reduce((sum, entry) => sum + entry.total, 0);
  const counted = entries.reduce((sum, entry) => sum + entry.done, 0);
  const { note, each } = Object.assign({}, ...entries) as Partial<StageProgress>;
  const isDone = note !== undefined || counted >= total;
  return {
    stage,
    state: entries.length === 0 ? 'waiting' : isDone ? 'done' : 'running',
    done: note === undefined ? Math.min(total, counted) : total,
    total,
    ...(each === undefined ? {} : { each }),
    ...(note === undefined ? {} : { note }),
  };
}

/** A source as a person would name it. */
export function sourceText(source: ImageSource): string {
  if (typeof source === 'string') return source;
  return 'folder' in source ? source.folder : `generated ${source.generated}`;
}

function detailsOf(stages: StageProgress[], aside: SetAside | undefined, lines: string[]): string {
  const rows = stages.map(
    ({ stage, state, done, total, note }) => `| ${stage} | ${note ?? state} | ${total ? `${done} of ${total}` : ''} |`,
  );
  const images = aside && aside.count > 0 ? [`\n${aside.count} unreadable images set aside`] : [];
  return ['| stage | state | done |', '|---|---|---|', ...rows, ...images, ...lines.map((line) => `\n${line}`)].join('\n');
}
