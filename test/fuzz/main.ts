/**
 * `npm run test:fuzz -- --count 10000 --seed 1 --kind npz`: broken inputs, read as a run would read them. Ends with status 1 on any finding, whose
 * input is left in the file that is printed; `--only NUMBER` reads one input again.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { inputOf, KINDS, kindOf } from './kinds.ts';

const text = { type: 'string' } as const;
const { values } = parseArgs({ options: { count: text, seed: text, kind: text, only: text } });
const [count, seed] = [Number(values.count ?? 10_000), Number(values.seed ?? 1)];
const kinds = values.kind ? values.kind.split(',') : Object.keys(KINDS);
const say = (line: string) => void process.stdout.write(`${line}\n`);

if (values.only !== undefined) await readOne(Number(values.only));
else await readMany();

async function readOne(number: number): Promise<void> {
  const { kind, bytes } = await inputOf({ seed, kinds }, number);
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-fuzz-'));
  await writeFile(join(folder, `${kind}-${number}`), bytes);
  say(`${kind}, ${bytes.length} bytes: ${join(folder, `${kind}-${number}`)}`);
  const { read, isOurs } = kindOf(kind);
  await read(bytes, folder).then(
    () => say('taken'),
    (error: unknown) => say(isOurs(error) ? `refused: ${String(error)}` : `WRONG: ${(error as Error).stack}`),
  );
}

async function readMany(): Promise<void> {
  const began = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'fewlabels-fuzz-'));
  const { taken, refused, findings, largest } = await fuzz({
    count,
    seed,
    kinds,
    onRead: (done) => done % 500 === 0 && say(`${done} of ${count}, ${Math.round((performance.now() - began) / 1000)} s`),
    onFinding: ({ number, kind, what }) => say(`✖ ${kind}, number ${number}: ${what}`),
  });
  for (const kind of kinds) say(`${kind.padEnd(12)} taken ${taken[kind] ?? 0}, refused ${refused[kind] ?? 0}`);
  say(`largest ${Math.round(largest)} MiB, ${findings.length} findings`);
  for (const { number, kind } of findings) {
    const file = join(folder, `${kind}-${number}`);
    await writeFile(file, (await inputOf({ seed, kinds }, number)).bytes);
    say(`left in ${file}`);
  }
  if (findings.length === 0) await rm(folder, { recursive: true });
  process.exitCode = findings.length > 0 ? 1 : 0;
}
