/** The real command, as a test gives it, and a student small enough to give it. */
import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Architecture } from '../../contracts/trainer.ts';

const CLI = fileURLToPath(new URL('../../cli/fewlabels.js', import.meta.url));

export type Said = { status: number | null; out: string; err: string };

/** @param folder  where it is given, and the home of who gives it; a fresh one unless it is named */
export async function fewlabels(args: string[], environment: Record<string, string> = {}, folder?: string): Promise<Said> {
  const cwd = folder ?? (await mkdtemp(join(tmpdir(), 'fewlabels-test-')));
  const env = { PATH: process.env.PATH, HOME: cwd, ...environment };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [CLI, ...args], { cwd, env }, (_, out, err) => resolve({ status: child.exitCode, out, err }));
  });
}

/** Of a student of two classes. */
export const STUDENT: Architecture = {
  encoder: { depth: 18, width: 0.0625, stem: 'small' },
  headLayers: 0,
  projection: 2,
  classes: 2,
  size: 16,
};
