import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { PretrainJob, TrainerMessage } from '../../contracts/trainer.ts';
import { readSafetensors } from '../../learning/safetensors.ts';
import { TRAINER_ENVIRONMENT, trainerEnvironment } from '../../workers/trainer-environment.ts';
import { architecture, scratch, settings, supply } from '../learning/loops/scratch.ts';

const TRAINER = fileURLToPath(new URL('../../workers/trainer.ts', import.meta.url));

type Trainer = {
  child: ChildProcess;
  messages: TrainerMessage[];
  heard(type: TrainerMessage['type']): Promise<TrainerMessage>;
  exit: Promise<[number | null, string | null]>;
};

function start(folder: string): Trainer {
  const child = fork(TRAINER, [folder], {
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { PATH: process.env.PATH, TF_CPP_MIN_LOG_LEVEL: '2', TF_ENABLE_ONEDNN_OPTS: '1' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const messages: TrainerMessage[] = [];
  const waiting: (() => void)[] = [];
  child.on('message', (message: TrainerMessage) => {
    messages.push(message);
    for (const wake of waiting.splice(0)) wake();
  });
  const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
  const heard = async (type: TrainerMessage['type']): Promise<TrainerMessage> => {
    for (;;) {
      const found = messages.find((message) => message.type === type);
      if (found) return found;
      await Promise.race([
        new Promise<void>((resolve) => waiting.push(resolve)),
        exit.then(() => Promise.reject(new Error(`it ended: ${JSON.stringify(messages)}`))),
      ]);
    }
  };
  return { child, messages, heard, exit };
}

async function pretraining(epochs: number, more: Partial<PretrainJob> = {}, supplied = epochs): Promise<string> {
  const folder = await scratch();
  const { pretrain, compute } = settings({ pretrain: { epochs, batch: 6, headLayers: 2, projection: 16 } });
  const shards = await supply(folder, { images: 12, perShard: 12, epochs: supplied, views: 2 });
  const job: PretrainJob = {
    kind: 'pretrain',
    architecture: architecture(),
    pretrain,
    shards,
    untilEpoch: epochs,
    ...compute,
    seed: 1,
    threads: 2,
    checkpointSeconds: 60,
    ...more,
  };
  await writeFile(join(folder, 'job.json'), JSON.stringify(job));
  return folder;
}

test('trainer: says ready, progress, checkpoint and done, and exits with 0', async () => {
  const folder = await pretraining(2);
  const { messages, exit } = start(folder);
  expect(await exit).toEqual([0, null]);
  const types = messages.map(({ type }) => type).filter((type) => type !== 'alive'); // a slow machine has time for that too
  expect([...new Set(types)]).toEqual(['ready', 'progress', 'checkpoint', 'done']);
  expect(messages[0]).toMatchObject({
    threads: 2,
    tensorflow: expect.stringMatching(/^\d+\.\d+/),
    device: expect.stringMatching(/CPU|GPU/),
    processor: expect.stringMatching(/\w/),
  });
  expect(messages.at(-2)).toMatchObject({ step: 4, epoch: 2, final: true });
  expect((await readSafetensors(join(folder, 'out', 'model.safetensors'))).metadata.kind).toBe('model');
});

test('trainer: what opens a door is not in its environment, nor does its worker pass it on', async () => {
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'S3_ENDPOINT', 'TEMPORAL_ADDRESS', 'TEMPORAL_API_KEY'];
  names.push('FEWLABELS_CODEC_KEY', 'FEWLABELS_CODEC_KEY_FILE', 'TEMPORAL_TLS_CLIENT_KEY_PATH', 'TEMPORAL_TLS_CLIENT_KEY_DATA');
  const secrets = Object.fromEntries([...names, 'FEWLABELS_HOME', 'HOME', 'NODE_OPTIONS', 'anything'].map((name) => [name, 'secret']));
  const passedOn = trainerEnvironment({ ...secrets, PATH: process.env.PATH, LANG: 'C' });
  expect(Object.keys(passedOn).sort()).toEqual(['LANG', 'PATH', ...Object.keys(TRAINER_ENVIRONMENT)].sort());
  expect(Object.values(passedOn)).not.toContain('secret');
});

test('trainer: told to stop, it writes a checkpoint, says nothing of being done and exits with 0', async () => {
  const folder = await pretraining(500, {}, 60);
  const { child, messages, heard, exit } = start(folder);
  await heard('progress');
  child.send({ type: 'stop' });
  expect(await exit).toEqual([0, null]);
  const last = messages.at(-1);
  expect(last).toMatchObject({ type: 'checkpoint', final: false });
  if (last?.type !== 'checkpoint') return;
  const { metadata } = await readSafetensors(join(folder, 'out', last.file));
  expect(metadata).toMatchObject({ kind: 'checkpoint', step: String(last.step) });
});

test('trainer: ends when its supervisor is gone, even while it waits for a file', async () => {
  const folder = await pretraining(2, {}, 0);
  const { child, heard, exit } = start(folder);
  await heard('ready');
  child.disconnect();
  expect((await exit)[0]).toBe(1);
});

test('trainer: a shard that does not hold what the job says is DataIntegrity, and the status 1', async () => {
  const folder = await pretraining(2, { shards: [{ images: 99 }] }); // the file has 12
  const { messages, exit } = start(folder);
  expect((await exit)[0]).toBe(1);
  expect(messages.at(-1)).toMatchObject({
    type: 'failed',
    kind: 'DataIntegrity',
    message: expect.stringContaining('it must hold 99 images'),
  });
});

test('trainer: a broken checkpoint is told by its name', async () => {
  const folder = await pretraining(2, { resume: 'resume.safetensors' });
  await writeFile(join(folder, 'in', 'resume.safetensors'), new Uint8Array(3));
  const { messages, exit } = start(folder);
  expect((await exit)[0]).toBe(1);
  expect(messages.at(-1)).toMatchObject({ type: 'failed', kind: 'DataIntegrity', message: expect.stringContaining('resume.safetensors') });
});
