/** Our side: one run of the pipeline as a user starts it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAt } from '../../cli/watch.ts';
import type { LabelsRef } from '../../contracts/artifacts.ts';
import type { Beat } from '../../contracts/progress.ts';
import type { RunResult, Score, ScoreKind } from '../../contracts/scores.ts';
import type { PretrainResult } from '../../contracts/stages.ts';
import { type Activity, activitiesOf } from '../activities-of.ts';
import type { Tools } from '../benchmark.ts';
import { type Embedded, type Run, withServers } from '../embedded.ts';
import { digestOfDraws, gathered, type Measured, type Plan, type Scored, type ScoreName } from './protocol.ts';

const TELL_EVERY_MS = 20_000;
const NAMES: Partial<Record<ScoreKind, ScoreName>> = { knn: 'knn', probe: 'probe', classifier: 'finetuned' };

/** Servers and workers are up before the clock starts, which stops when the representation is committed. */
export function measureOurs({ file, sets }: Plan, seed: number, tools: Tools): Promise<Measured> {
  return withServers(tools, async (embedded) => {
    const run = await embedded.run(file, [...sets, `seed=${seed}`]);
    await tellUntilOver(embedded, run, tools.say);
    const status = await run.ended;
    if (status !== 0) throw new Error(`Cannot compare as the run ${run.id} must end well: status ${status}`);
    const { client } = embedded.session;
    const activities = await activitiesOf(client, run.id);
    const done = activities.find(({ name, result }) => name === 'pretrain' && (result as PretrainResult).result);
    if (!done) throw new Error(`Cannot compare as the run ${run.id} must have pretrained: it has not`);
    const { scores } = (await client.workflow.getHandle(run.id).result()) as RunResult;
    const labels = await labelsOf(embedded, activities);
    return { pretraining: (done.ended - run.begun) / 1_000, labels, scores: scoredOf(scores) };
  });
}

/** Digest of the label draws as they are committed. */
async function labelsOf({ session }: Embedded, activities: Activity[]): Promise<string> {
  const artifacts = await session.artifacts();
  const refs = activities.filter(({ name }) => name === 'drawLabels').map(({ result }) => result as LabelsRef);
  const manifests = await Promise.all(refs.map(({ key }) => artifacts.find('labels', key)));
  return digestOfDraws(manifests.map((manifest) => manifest?.objects[0]?.sha256 ?? 'gone'));
}

/** What the running activities say, until the command has ended. */
async function tellUntilOver({ session }: Embedded, { id, ended }: Run, say: (line: string) => void): Promise<void> {
  let isOver = false;
  const over = ended.finally(() => (isOver = true));
  let told = '';
  while (!isOver) {
    await Promise.race([over, sleep(TELL_EVERY_MS, undefined, { ref: false })]);
    const text = (await beatsOf(session, id)).map(({ stage, done, total, unit }) => `${stage} ${done} of ${total} ${unit}`).join('; ');
    if (text !== '' && text !== told) say(`  ${text}`);
    told = text;
  }
}

/** A server that is too busy to answer is no reason to stop. */
async function beatsOf(session: Embedded['session'], run: string): Promise<Beat[]> {
  try {
    return (await lookAt(session, run)).beats;
  } catch {
    return [];
  }
}

/** Of the scores of a run those that are compared, draw by draw. */
export function scoredOf(scores: Score[]): Scored[] {
  return gathered(
    scores
      .toSorted((a, b) => a.draw - b.draw)
      .flatMap((one) => {
        const score = NAMES[one.model];
        return score && 'fraction' in one ? [{ score, fraction: one.fraction, accuracy: one.accuracy }] : [];
      }),
  );
}
