/**
 * `npm run test:faults`: the fourteen cases, and their table.
 * `npm run test:faults -- kills --seeds 5`: the student of a run that is killed at, again and again, against that of one left alone.
 * `npm run test:faults -- soak --minutes 60`: runs while something is killed every 20 to 60 seconds, and what is left behind.
 * Both take `--first SEED`, and `--silence 30` for a machine that has other work as well.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { type Disturbed, longRecipe, runIn } from './kills.ts';
import { writeRows } from './page.ts';
import { soak } from './soak.ts';

const number = { type: 'string' } as const;
const { values, positionals } = parseArgs({
  options: { seeds: number, first: number, minutes: number, silence: number },
  allowPositionals: true,
});
const recipe = longRecipe(Number(values.silence ?? 8));
const say = (line: string) => void process.stdout.write(`${line}\n`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130)); // servers and workers end on exit

const LEAST_KILLS = 10;
/** Open files that come and go. */
const FILES_MORE = 10;

switch (positionals[0]) {
  case undefined:
    process.exitCode =
      spawnSync('npx', ['vitest', 'run', '--config', 'test/faults/vitest.config.ts', '--root', '.'], { stdio: 'inherit' }).status ?? 1;
    break;
  case 'kills':
    await kills(Number(values.first ?? 1), Number(values.seeds ?? 5));
    break;
  case 'soak':
    await soakFor(Number(values.minutes ?? 60), Number(values.first ?? 1));
    break;
  default:
    say(`✖ Cannot test ${positionals[0]} as there are only the cases, \`kills\` and \`soak\``);
    process.exitCode = 2;
}

/** Show that the student is the same, whoever is killed and however many data workers there are. */
async function kills(first: number, count: number): Promise<void> {
  const rows: string[][] = [];
  const alone = await runIn(['pipeline', 'data', 'training'], recipe);
  tell('undisturbed', alone);
  tell('three data workers', await runIn(['pipeline', 'data', 'data 2', 'data 3', 'training'], recipe));
  for (let seed = first; seed < first + count; seed++) {
    const disturbance = { pace: { seed, between: [1, 8] as [number, number], away: 5 }, atLeast: LEAST_KILLS };
    tell(`seed ${seed}, two data workers`, await runIn(['pipeline', 'data', 'data 2', 'training'], recipe, disturbance));
  }
  await writeRows('kills', ['run', 'killed', 'seconds', 'attempts beyond one for each activity', 'student'], rows);

  function tell(what: string, { result, kills, ends, seconds, attempts, activities }: Disturbed): void {
    const isSame = result.student.digest === alone.result.student.digest;
    if (!isSame) process.exitCode = 1;
    rows.push([
      what,
      victims(kills),
      `${Math.round(seconds)}`,
      `${attempts - activities}`,
      `${isSame ? 'same' : '**another**'}: \`${result.student.digest.slice(0, 12)}\``,
    ]);
    say(rows.at(-1)?.join('; ') ?? '');
    for (const { victim, second, away } of kills) say(`    ${Math.round(second)} s ${victim}, away ${away.toFixed(1)} s`);
    for (const end of ends) say(`    ${end}`);
  }
}

/** Show that nothing is left behind, and that who was there all the time is as it was. */
async function soakFor(minutes: number, seed: number): Promise<void> {
  const { seconds, students, kills, ends, witnesses, unnamed, lost, scratch, processes } = await soak(recipe, minutes, seed, say);
  const others = students.filter((student) => student !== students[0]).length;
  const grown = witnesses.filter(({ memory, files }) => memory[1] > 1.2 * memory[0] || files[1] > files[0] + FILES_MORE);
  const isClean = others + lost.length + scratch.length + processes.length + grown.length === 0;
  const rows = [
    ['time, runs', `${Math.round(seconds / 60)} min, ${students.length}`],
    ['killed', victims(kills)],
    ['workers that ended by themselves', ends.length === 0 ? 'none' : ends.join('; ')],
    ['students other than that of the run left alone', `${others}`],
    ['objects that killed attempts left, for `npx fewlabels clean`', `${unnamed}`],
    [
      'left after that: objects; scratch folders; processes',
      [lost, scratch, processes].map((left) => left.join(', ') || 'none').join('; '),
    ],
    ...witnesses.map(({ worker, memory, files }) => [
      `${worker}, never killed: memory; open files`,
      `${memory.join(' → ')} MiB; ${files.join(' → ')}`,
    ]),
  ];
  for (const row of rows) say(row.join(': '));
  if (isClean) await writeRows('soak', ['', ''], rows);
  else process.exitCode = 1;
}

/** "14: trainer 3, minio 2, …" */
function victims(kills: Disturbed['kills']): string {
  const names = [...new Set(kills.map(({ victim }) => victim))];
  if (names.length === 0) return 'none';
  return `${kills.length}: ${names.map((name) => `${name} ${kills.filter(({ victim }) => victim === name).length}`).join(', ')}`;
}
