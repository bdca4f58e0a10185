/**
 * A run as its workflow sees it: calls that stop while it is paused, and pages. Temporal bounds the history of a workflow, so a run whose history
 * has grown long goes on as a new workflow of the same id, on a new page. What is finished it finds again in the store by its keys; along with the
 * recipe travel only the small results that cannot be found there, and what was told of finished parts.
 */
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  defineUpdate,
  makeContinueAsNewFunc,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { PAUSE_UPDATE, RESUME_UPDATE, summaryText } from '../contracts/progress.ts';
import type { Recipe } from '../contracts/recipe.ts';
import { isStopped } from './failed.ts';
import { type Told, type Tracker, trackRun } from './progress.ts';

const pauseUpdate = defineUpdate<void>(PAUSE_UPDATE);
const resumeUpdate = defineUpdate<void>(RESUME_UPDATE);

/** What a page hands to the next. `kept`: results by name; a part that had none is there too. */
export type Carried = { kept: Record<string, { value?: unknown }>; told: Told; paused: boolean };

type Options = { summary: string; heartbeatTimeout?: number };
type Activity<I, O> = { executeWithOptions(options: Options, args: [input: I]): Promise<O> };
type Call = <I, O>(activity: Activity<I, O>, summary: string, input: I) => Promise<O>;

export type Run = {
  recipe: Recipe;
  tracker: Tracker;
  /** Call an activity with one object and a line that a person reads in the Temporal UI. */
  call: Call;
  /** A call whose result is kept from page to page, under its line; for small results. */
  step: Call;
  /** Do a part of the run once, on whatever page; its result is kept in place of those of the steps inside it. */
  once<T>(name: string, work: (part: Run) => Promise<T>): Promise<T>;
  /** Leave this page when it is full. Call where something new is finished, so that no page is for nothing. */
  turnPage(): void;
};

/** Ends the work on a page, from within. */
class PageFull extends Error {}

/**
 * Work on a run, page after page.
 * @param carried  from the page before, on all but the first
 */
export async function onPages<T>(recipe: Recipe, carried: Carried | undefined, work: (run: Run) => Promise<T>): Promise<T> {
  const kept = new Map(Object.entries(carried?.kept ?? {}));
  const tracker = trackRun(recipe, carried?.told);
  const { call, isPaused, rested } = pausable(recipe, tracker, carried?.paused ?? false);
  const turnPage = () => {
    if (workflowInfo().continueAsNewSuggested) throw new PageFull();
  };
  const partOf = (prefix: string, own: Tracker): Run => {
    const once: Run['once'] = async (name, work) => {
      const id = `${prefix}${name}`;
      const before = kept.get(id);
      if (before) return before.value as Awaited<ReturnType<typeof work>>;
      const value = await work(partOf(`${id}/`, tracker.part(id)));
      for (const inner of kept.keys()) if (inner.startsWith(`${id}/`)) kept.delete(inner);
      kept.set(id, { value });
      turnPage();
      return value;
    };
    return { recipe, tracker: own, call, step: (activity, line, input) => once(line, () => call(activity, line, input)), once, turnPage };
  };
  try {
    return await work(partOf('', tracker));
  } catch (error) {
    if (!(error instanceof PageFull)) throw error;
    await condition(() => rested() && allHandlersFinished());
    const { startTime, memo } = workflowInfo();
    const goOn = makeContinueAsNewFunc<(recipe: Recipe, carried: Carried) => Promise<T>>({
      memo: { started: startTime.toISOString(), ...memo }, // of the first page: what people call its start
    });
    return goOn(recipe, { kept: Object.fromEntries(kept), told: tracker.told([...kept.keys()]), paused: isPaused() });
  }
}

/**
 * Calls that are stopped by the update `pause`, trainings after a last checkpoint, and made again after `resume`. Pausing is over when
 * nothing is under way any more.
 */
function pausable({ compute }: Recipe, tracker: Tracker, pausedBefore: boolean): { call: Call; isPaused(): boolean; rested(): boolean } {
  const underWay = new Set<CancellationScope>();
  const silence = compute.lostAfterSeconds ? { heartbeatTimeout: 1000 * compute.lostAfterSeconds } : {};
  let isPaused = pausedBefore;
  const rested = () => underWay.size === 0;
  const pause = (paused: boolean) => {
    isPaused = paused;
    tracker.pause(paused);
  };
  setHandler(pauseUpdate, async () => {
    pause(true);
    for (const scope of underWay) scope.cancel();
    await condition(() => rested() || !isPaused);
  });
  setHandler(resumeUpdate, () => pause(false));
  if (isPaused) pause(true);

  const call: Call = async (activity, summary, input) => {
    for (;;) {
      await condition(() => !isPaused); // throws where the run is cancelled
      const scope = new CancellationScope();
      underWay.add(scope);
      try {
        return await scope.run(() => activity.executeWithOptions({ summary: summaryText(summary), ...silence }, [input]));
      } catch (error) {
        if (!isStopped(error) || !scope.consideredCancelled) throw error;
      } finally {
        underWay.delete(scope);
      }
    }
  };
  return { call, isPaused: () => isPaused, rested };
}

/** Side by side, results in order. The first failure fails the whole at once; a full page does when all of them have come to rest. */
export async function sideBySide<T, R>(items: T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  let full: PageFull | undefined;
  const results = await Promise.all(
    items.map((item, i) =>
      work(item, i).catch((error: unknown) => {
        if (!(error instanceof PageFull)) throw error;
        full = error;
        return undefined as R;
      }),
    ),
  );
  if (full) throw full;
  return results;
}
