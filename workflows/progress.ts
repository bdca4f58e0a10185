/** What a run tells while it goes: the `progress` query, search attributes, and the details on its page in the Temporal UI. */
import { defineQuery, setCurrentDetails, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import type { SetAside } from '../contracts/artifacts.ts';
import { PROGRESS_QUERY, type RunProgress, type StageProgress } from '../contracts/progress.ts';
import type { ImageSource, Recipe } from '../contracts/recipe.ts';

export const STAGE_ORDER = ['shards', 'views', 'representation', 'classifier', 'student', 'report'] as const;
type Stage = (typeof STAGE_ORDER)[number];

export const progressQuery = defineQuery<RunProgress>(PROGRESS_QUERY);

export type Tracker = {
  /** `total` more pieces of this stage are known to come; `each` of them are one training. */
  expect(stage: Stage, total: number, each?: number): void;
  /** `pieces` more of this stage are done. */
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
};

/** Start telling. Call once, first thing in the workflow. */
export function trackRun(recipe: Recipe): Tracker {
  const stages = new Map<Stage, StageProgress>(STAGE_ORDER.map((stage) => [stage, { stage, state: 'waiting', done: 0, total: 0 }]));
  let aside: SetAside | undefined;
  let current = '';
  let warned: string | undefined;
  const noted: string[] = [];
  const notes = () => (noted.length > 0 ? noted : undefined);
  setHandler(progressQuery, () => ({ stages: [...stages.values()], setAside: aside, warning: warned, notes: notes() }));
  upsertSearchAttributes({ FewlabelsRecipe: [recipe.name], FewlabelsDataset: [sourceText(recipe.images.train).slice(-255)] });

  const of = (stage: Stage) => stages.get(stage) as StageProgress;
  const tell = () => {
    const running = [...stages.values()].filter(({ state }) => state === 'running').at(-1)?.stage ?? current;
    if (running !== current) upsertSearchAttributes({ FewlabelsStage: [running] });
    current = running;
    setCurrentDetails(detailsOf([...stages.values()], aside, [...(warned ? [`⚠ ${warned}`] : []), ...noted]));
  };
  const finish = (stage: Stage, note: string) => {
    Object.assign(of(stage), { state: 'done', done: of(stage).total, note });
    tell();
  };
  return {
    expect(stage, total, each) {
      const entry = of(stage);
      entry.total += total;
      if (each !== undefined) entry.each = each;
      if (entry.state === 'waiting' || total > 0) entry.state = 'running';
      tell();
    },
    advance(stage, pieces = 1) {
      const entry = of(stage);
      entry.done = Math.min(entry.total, entry.done + pieces);
      if (entry.done === entry.total) entry.state = 'done';
      tell();
    },
    forgo(stage, pieces) {
      const entry = of(stage);
      entry.total -= pieces;
      if (entry.done === entry.total) entry.state = 'done';
      tell();
    },
    reuse: (stage) => finish(stage, 're-used'),
    leaveOut: finish,
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
