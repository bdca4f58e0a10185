/** What the supervisor of a data folder writes down: who runs, where, and how it goes. It is the only writer. */
import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writePrivate } from './home.ts';

const ProcessId = z.object({ pid: z.int().positive(), started: z.string() });

/** Started in this order, ended in the opposite one. */
export const CHILDREN = ['temporal', 'minio', 'pipeline', 'data', 'training'] as const;
export type ChildName = (typeof CHILDREN)[number];

export const SERVERS: readonly ChildName[] = ['temporal', 'minio'];

const Child = z.object({
  process: ProcessId.optional(),
  state: z.enum(['starting', 'ready', 'waiting', 'stopped']).describe('waiting: it ended and will be started again'),
  restarts: z.int().min(0),
  problem: z.string().optional().describe('why it is not up, when it has ended several times in a row'),
});
export type ChildRecord = z.infer<typeof Child>;

const Ports = z.object({ temporal: z.int(), ui: z.int(), minio: z.int(), console: z.int() });
export type Ports = z.infer<typeof Ports>;

const SupervisorRecord = z.object({
  supervisor: ProcessId,
  state: z.enum(['starting', 'ready', 'stopping', 'stopped', 'failed']),
  problem: z.string().optional(),
  since: z.string(),
  root: z.string().describe('folder of the code it runs'),
  code: z.string().describe('fingerprint of that code when it was started'),
  serves: z.string().describe('the servers named in its environment'),
  ports: Ports.describe('kept when it stops, so that links stay good'),
  children: z.partialRecord(z.enum(CHILDREN), Child),
});
export type SupervisorRecord = z.infer<typeof SupervisorRecord>;

const fileIn = (home: string) => join(home, 'services.json');

/** The record of a data folder; undefined when there is none, or one that this version cannot read. */
export async function readRecord(home: string): Promise<SupervisorRecord | undefined> {
  const text = await readIfThere(fileIn(home));
  if (text === undefined) return undefined;
  const parsed = SupervisorRecord.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/** Synchronous: a process that was just started is on record before anything else can happen. */
export function writeRecord(home: string, record: SupervisorRecord): void {
  writePrivate(fileIn(home), record);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
