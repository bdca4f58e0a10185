/**
 * One supervisor for each data folder. The lock is a listening socket, as the system takes it back however its holder ends: on Linux
 * one with an abstract name, which leaves no file behind; elsewhere a file in the temporary folder.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Take the lock for as long as this process lives. @returns false when another process has it */
export async function takeLock(home: string): Promise<boolean> {
  const name = `fewlabels-${createHash('sha256').update(home).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return listen(`\0${name}`);
  const file = join(tmpdir(), `${name}.sock`);
  if (await listen(file)) return true;
  if (await answers(file)) return false;
  await rm(file, { force: true }); // left by one that was killed
  return listen(file);
}

function listen(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
    server.listen(path, () => resolve(true));
    server.unref();
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });
}
