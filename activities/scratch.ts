/**
 * Scratch folders. The name of each says whose it is, so that what a killed worker left is found and deleted, and what another one works in
 * is not, whatever containers share the disk.
 */
import { createHash } from 'node:crypto';
import { constants, readlinkSync } from 'node:fs';
import { access, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning, type ProcessId, signal } from '../infra/local/processes.ts';

const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8);
/** Where process numbers mean what they mean here: on this machine, in this container. */
const HERE = short(`${hostname()} ${pidNamespace()}`);
const nameOf = ({ pid, started }: ProcessId) => `fewlabels-${HERE}-${pid}-${short(started)}`;
/** The places are missing in names of older versions. */
const NAME = /^fewlabels-(?:([0-9a-f]{8})-)?(\d+)-(?:[0-9a-f]{8}-)?/;
/** In the name of a folder that no process works in any more. */
const NOBODY: ProcessId = { pid: 0, started: '' };
const TRAINER_FILE = 'trainer.json';

const TOUCH_EVERY_MS = 60_000;
/** A folder of another place that nobody touched for so long has no owner any more. */
const UNTOUCHED_MS = 60 * 60_000;

/**
 * Make the scratch folder where it is missing, for nobody else to look into; the folder above it must be there.
 * @throws Error that says what to do, when it cannot be written
 */
export async function makeScratch(scratch: string): Promise<void> {
  try {
    await mkdir(scratch, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await access(scratch, constants.W_OK);
  } catch (error) {
    throw new Error(`Cannot train as the scratch folder must be writable: ${(error as Error).message}; name another in FEWLABELS_SCRATCH`);
  }
}

/** What names in the scratch folder begin with that are of this process. */
export const scratchPrefix = (scratch: string): string => join(scratch, `${nameOf(identify(process.pid) ?? unknown())}-`);

/** A fresh folder of this process, which is touched as long as it is there. */
export async function scratchFolder(scratch: string): Promise<string> {
  await makeScratch(scratch);
  const folder = await mkdtemp(scratchPrefix(scratch));
  const timer = setInterval(() => {
    const now = new Date();
    utimes(folder, now, now).catch(() => clearInterval(timer));
  }, TOUCH_EVERY_MS).unref();
  return folder;
}

/** Leave word in the folder which trainer works there, for whoever finds it without its supervisor. */
export async function noteTrainer(folder: string, pid: number): Promise<void> {
  const trainer = identify(pid);
  if (trainer) await writeFile(join(folder, TRAINER_FILE), JSON.stringify(trainer));
}

/**
 * Delete a folder of this process. Where its trainer is still there, as no signal ends what hangs in the kernel, the folder gets a name that
 * nobody owns instead, so that it is swept when the trainer is gone.
 * @returns why it is still there
 */
export async function dropFolder(folder: string): Promise<string | undefined> {
  const trainer = await trainerOf(folder);
  if (!isRunning(trainer)) {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    return undefined;
  }
  const left = join(dirname(folder), `${nameOf(NOBODY)}-${basename(folder).slice(-6)}`);
  await rename(folder, left);
  return `${stillThere(trainer)}: its folder is swept when it is gone: ${left}`;
}

const stillThere = ({ pid }: ProcessId) =>
  `Trainer ${pid} does not end by SIGKILL, as it hangs in the kernel: see to its disk or its device`;

/**
 * Delete what owners that are gone left behind, and end a trainer that still works there: one that hangs in native code outlives its
 * supervisor, and holds the memory of the device.
 * @returns what could not be deleted, and why
 */
export async function sweepScratch(scratch: string): Promise<string[]> {
  const problems: string[] = [];
  for (const name of await readdir(scratch).catch(() => [] as string[])) {
    const left = join(scratch, name);
    try {
      if (!(await isAbandoned(name, left))) continue;
      await endTrainer(left);
      await rm(left, { recursive: true, force: true });
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return problems;
}

async function isAbandoned(name: string, path: string): Promise<boolean> {
  const [, place, pid] = NAME.exec(name) ?? [];
  if (pid === undefined) return false;
  const isUntouched = async () => Date.now() - (await stat(path)).mtimeMs > UNTOUCHED_MS;
  if (place === undefined) return identify(Number(pid)) === undefined && isUntouched(); // older versions did not touch them
  if (place !== HERE) return isUntouched();
  const owner = identify(Number(pid));
  return owner === undefined || !name.startsWith(`${nameOf(owner)}-`);
}

const END_MS = 5_000;

/** @throws Error when it does not end */
async function endTrainer(folder: string): Promise<void> {
  const id = await trainerOf(folder);
  if (!isRunning(id)) return;
  signal(id, 'SIGKILL');
  for (let waited = 0; waited < END_MS && isRunning(id); waited += 50) await sleep(50);
  if (isRunning(id)) throw new Error(stillThere(id));
}

async function trainerOf(folder: string): Promise<ProcessId | undefined> {
  return readFile(join(folder, TRAINER_FILE), 'utf8')
    .then((text) => JSON.parse(text) as ProcessId)
    .catch(() => undefined); // none was started, or the word is torn
}

function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return ''; // not Linux
  }
}

function unknown(): never {
  throw new Error(`Cannot name a scratch folder as this process must be known: ${process.pid} is not`);
}
