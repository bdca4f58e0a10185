/**
 * Record the histories that `replay.test.ts` replays: short runs of every kind, on servers and workers of their own.
 *
 *     node --import tsx test/workflows/record.ts
 *
 * Old ones stay until a release drops what they need (docs/decisions/005-workflow-versions.md): delete none by hand to make a test pass.
 */
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { type History, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { PAUSE_UPDATE, RESUME_UPDATE } from '../../contracts/progress.ts';
import type { RecipeInput } from '../../contracts/recipe.ts';
import { openServers } from '../servers.ts';
import { freezeTrainer } from './freezing.ts';
import { startWorkers, TINY, type Workers } from './workers.ts';

const FOLDER = new URL('../histories/', import.meta.url);
/** Long enough to be met in the middle. */
const LONG: RecipeInput = { ...TINY, labels: { fractions: [0.5] }, pretrain: { epochs: 60, batch: 16, segmentEpochs: 30 } };

await recordOn([], async (workers, { keep }) => {
  await workers.run('plain', TINY);
  await keep('plain');
  await workers.run('device', {
    ...TINY,
    views: { where: 'device' },
    finetune: { ...TINY.finetune, baseline: { alsoTry: [0.4] }, stopping: { patience: 1 } },
    encoder: { width: 0.125 },
    distill: { ...TINY.distill, teachers: 2, student: { width: 0.0625 } },
    seed: 2,
  });
  await keep('device');
  const cancelled = await workers.start('cancelled', { ...LONG, seed: 3 });
  await inTraining(workers, 'cancelled');
  await cancelled.cancel();
  await cancelled.result().catch(() => undefined);
  await keep('cancelled');
  const paused = await workers.start('paused', { ...LONG, seed: 4 });
  await inTraining(workers, 'paused');
  await paused.executeUpdate(PAUSE_UPDATE);
  await paused.executeUpdate(RESUME_UPDATE);
  await paused.result();
  await keep('paused');
});
await recordOn(['limit.historyCount.suggestContinueAsNew=60'], async (workers, { keep }) => {
  await workers.run('pages', { ...TINY, labels: { fractions: [0.2, 0.5], draws: 2 }, pretrain: { ...TINY.pretrain, segmentEpochs: 1 } });
  await keep('pages');
});

async function recordOn(settings: string[], work: (workers: Workers, made: { keep(id: string): Promise<void> }) => Promise<void>) {
  const servers = await openServers(settings);
  const workers = await startWorkers(servers.services, 'recorded');
  const keep = async (id: string) => {
    const runIds: string[] = [];
    for await (const { runId } of workers.client.workflow.list({ query: `WorkflowId = '${id}'` })) runIds.unshift(runId);
    for (const [i, runId] of runIds.entries()) {
      const name = runIds.length > 1 ? `${id}-${i + 1}` : id;
      const history = await workers.client.workflow.getHandle(id, runId).fetchHistory();
      await writeFile(new URL(`${name}.json.gz`, FOLDER), gzipSync(withoutMachine(history), { level: 9 }));
      process.stdout.write(`${name}: ${history.events?.length} events\n`);
    }
  };
  await work(workers, { keep });
  await workers.stop();
  await servers.stop();
}

/** As JSON, without what is known of the machine: names of workers, and paths in stack traces. */
function withoutMachine(history: History): string {
  const hidden = ['identity', 'stackTrace', 'workerIdentity'];
  return JSON.stringify(JSON.parse(historyToJSON(history)), (key, value) => (hidden.includes(key) ? 'worker' : value));
}

async function inTraining(workers: Workers, id: string): Promise<void> {
  const { trainer } = await freezeTrainer(workers, id, 20);
  process.kill(trainer, 'SIGCONT');
}
