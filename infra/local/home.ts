/**
 * The data folder of the embedded servers, readable by its owner alone:
 *
 *     temporal.db        every run and its history
 *     minio/             the bucket
 *     credentials.json   of the embedded MinIO, made once
 *     services.json      ports, and what runs (record.ts)
 *     logs/              one file for each process
 */
import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { access, chmod, constants, readFile, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import type { Environment } from '../../contracts/environment.ts';
import { makeFolders } from './folders.ts';

const Credentials = z.object({ accessKey: z.string().min(3), secretKey: z.string().min(8) });
export type Credentials = z.infer<typeof Credentials>;

/** Where the data folder is, whether or not it exists: FEWLABELS_HOME, else below XDG_DATA_HOME, else below ~/.local/share. */
export function homeFolder({ FEWLABELS_HOME, XDG_DATA_HOME, HOME }: Environment): string {
  if (FEWLABELS_HOME) return resolve(FEWLABELS_HOME);
  const data = XDG_DATA_HOME && isAbsolute(XDG_DATA_HOME) ? XDG_DATA_HOME : join(HOME ?? homedir(), '.local', 'share');
  return join(data, 'fewlabels');
}

/** Make the data folder when it is missing. @returns its real path @throws Error when it cannot be written */
export async function openHome(environment: Environment): Promise<string> {
  const folder = homeFolder(environment);
  try {
    await makeFolders(join(folder, 'logs'), 0o700);
    await access(folder, constants.W_OK);
    await access(join(folder, 'logs'), constants.W_OK);
    await chmod(folder, 0o700);
    return await realpath(folder);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Cannot keep data in "${folder}" as it must be a folder of yours to write: ${reason}. Name another in FEWLABELS_HOME`);
  }
}

/** Credentials of the embedded MinIO; made when `create` and there are none. They decide who can read the data, so they stay. */
export async function readCredentials(home: string, { create }: { create: boolean }): Promise<Credentials | undefined> {
  const file = join(home, 'credentials.json');
  const text = await readIfThere(file);
  if (text !== undefined) return Credentials.parse(JSON.parse(text));
  if (!create) return undefined;
  const credentials = { accessKey: 'fewlabels', secretKey: randomBytes(20).toString('hex') };
  writePrivate(file, credentials);
  return credentials;
}

/** Write JSON as a whole, for the owner's eyes only: a reader sees the old file or the new one. */
export function writePrivate(file: string, content: unknown): void {
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, file);
}

export async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
}
