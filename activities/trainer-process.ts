/** The process of a trainer: started in its folder, asked to stop, killed, and how it ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { SupervisorMessage, TrainerMessage } from '../contracts/trainer.ts';
import { type OomKills, oomKillsFor } from './oom-kills.ts';

/** `forWantOfMemory`: the kernel ended it. */
export type Exit = { code: number | null; signal: NodeJS.Signals | null; forWantOfMemory?: boolean };

export type TrainerProcess = {
  pid: number | undefined;
  /** Settles in any case, some seconds after a SIGKILL at the latest. */
  exit: Promise<Exit>;
  /** Its last uploads may take longer than it did. */
  hasEnded(): boolean;
  /** Ask for a last checkpoint. */
  askToStop(): void;
  kill(): void;
  /** The last lines that it printed. */
  log(): string;
};

const TRAINER = fileURLToPath(new URL('../workers/trainer.ts', import.meta.url));
/**
 * What the kernel has to end a process, and what a process that ended has to close its output. One that waits for a broken disk or driver
 * does not end by SIGKILL before that answers, which may be never.
 */
const ENDING_MS = 15_000;
const LINES = 20;

/** TensorFlow reads its thread counts once, at start. */
function threadSettings(threads: number | 'auto'): Record<string, string> {
  return threads === 'auto' ? {} : { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: String(threads) };
}

/** @param hear  gets its messages */
export function startTrainer(
  folder: string,
  environment: Record<string, string>,
  threads: number | 'auto',
  hear: (message: TrainerMessage) => void,
): TrainerProcess {
  const child = fork(TRAINER, [folder], {
    cwd: folder, // a dump of its memory goes with the folder
    execArgv: ['--import', import.meta.resolve('tsx')],
    env: { ...environment, ...threadSettings(threads) },
    detached: true, // a Ctrl-C meant for the worker must not kill the trainer before its last checkpoint
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.on('message', hear);
  let log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      log = [...log, ...text.split('\n').filter((line) => line.trim() !== '')].slice(-LINES);
    });
  }
  const kills = child.pid === undefined ? undefined : oomKillsFor(child.pid);
  let resolve: (exit: Exit) => void = () => undefined;
  const exit = new Promise<Exit>((settle) => (resolve = settle));
  const giveUp = () => resolve(hasEnded(child) ? exitOf(child, kills) : { code: null, signal: 'SIGKILL' });
  const giveUpSoon = () => void setTimeout(giveUp, ENDING_MS).unref();
  child.on('error', (error) => {
    log.push(error.message);
    if (child.pid === undefined) resolve({ code: 1, signal: null }); // it never started
  });
  child.once('exit', giveUpSoon);
  child.once('close', () => resolve(exitOf(child, kills)));
  return {
    pid: child.pid,
    exit,
    hasEnded: () => hasEnded(child),
    askToStop() {
      const stop: SupervisorMessage = { type: 'stop' };
      if (child.connected) child.send(stop, () => undefined); // it may be gone by now
    },
    kill() {
      child.kill('SIGKILL');
      giveUpSoon();
    },
    log: () => log.join('\n'),
  };
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

const exitOf = ({ exitCode: code, signalCode: signal }: ChildProcess, kills: OomKills | undefined): Exit => ({
  code,
  signal,
  forWantOfMemory: signal === 'SIGKILL' && kills?.haveGrown() === true,
});
