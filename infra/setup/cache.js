/** Folders that are there completely or not at all, however often set-up is started, killed, or run twice at once. */
import { appendFileSync, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
const STALE_MS = 60_000;

/**
 * Make a folder once: `make` fills it under another name, and only the full one gets its own. A second set-up waits for the first.
 * @returns the folder
 */
export async function cached(folder, note, make) {
  if (existsSync(folder)) return folder;
  await withLock(`${folder}.lock`, note, async () => {
    if (existsSync(folder)) return;
    await sweep(folder);
    const partial = `${folder}.partial-${process.pid}`;
    try {
      await mkdir(partial);
      await make(partial);
      await rename(partial, folder);
    } finally {
      await rm(partial, { recursive: true, force: true });
    }
  });
  return folder;
}

/** Remove what killed set-ups left. Runs under the lock. */
async function sweep(folder) {
  const names = await readdir(dirname(folder));
  const partial = names.filter((name) => name.startsWith(`${basename(folder)}.partial-`));
  await Promise.all(partial.map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })));
}

/**
 * Do `work(share)` while no other set-up holds `file`; `share(pid)` lets a process hold it too, in case it outlives this one. A lock
 * whose holders are gone, or have been silent for a minute, is taken over.
 */
export async function withLock(file, note, work) {
  await mkdir(dirname(file), { recursive: true });
  while (!(await take(file))) {
    const holder = await holderOf(file);
    if (holder === undefined) continue; // it was given back just now
    if (isGone(holder)) await rm(file, { force: true });
    else {
      note(`another set-up is at it (process ${holder.pid}): waiting`);
      await sleep(300);
    }
  }
  const beat = setInterval(() => utimes(file, new Date(), new Date()).catch(() => undefined), BEAT_MS);
  try {
    return await work((pid) => appendFileSync(file, ` ${pid}`));
  } finally {
    clearInterval(beat);
    await rm(file, { force: true });
  }
}

async function take(file) {
  try {
    await writeFile(file, `${process.pid} ${hostname()}`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(file) {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    const [pid, host, ...others] = text.split(' ');
    return { pid: Number(pid), pids: [pid, ...others].map(Number), host, silentMs: Date.now() - mtimeMs };
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isGone({ pids, host, silentMs }) {
  return silentMs > STALE_MS || (host === hostname() && !pids.some(isAlive));
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}
