/**
 * The version of a stage is part of the keys of its artifacts (`contracts/artifacts.ts`): an output that changes under an old number would be
 * mistaken for what the store has already. `test/golden/stages.json` has what every stage made when its number was set.
 *
 *     UPDATE=1 npx vitest run test/contracts/versions.test.ts
 *
 * writes down the stages whose number was raised, and no others.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { STAGES } from '../../contracts/artifacts.ts';
import { OUTPUTS, type Output } from './stage-outputs.ts';

const FILE = new URL('../golden/stages.json', import.meta.url);
type Recorded = Record<string, Output & { version: number }>;
const recorded: Recorded = JSON.parse(await readFile(FILE, 'utf8').catch(() => '{}'));
const names = Object.keys(OUTPUTS) as (keyof typeof OUTPUTS)[];

/** What is wrong with an output that was recorded with another; undefined when they agree. */
function complaint(stage: string, version: number, made: Output, before: (Output & { version: number }) | undefined): string | undefined {
  const write = 'write it down: UPDATE=1 npx vitest run test/contracts/versions.test.ts';
  if (!before || before.version < version) return `Cannot check stage "${stage}" as its version ${version} is not recorded; ${write}`;
  if (before.version > version)
    return `Cannot lower the version of stage "${stage}" as artifacts of ${before.version} may exist: ${version}`;
  const { within = 0 } = made;
  const away = distance(made.close, before.close);
  if (made.exact === before.exact && away <= within) return undefined;
  const how = made.exact === before.exact ? `numbers by ${away.toPrecision(2)}, at most ${within} is chance` : 'bytes';
  return `Cannot keep version ${version} of stage "${stage}" as its output changed (${how}): raise the version in contracts/artifacts.ts, then ${write}`;
}

/** Largest difference; infinite where there are more numbers, or fewer. */
function distance(now: number[] = [], before: number[] = []): number {
  return now.length === before.length
    ? Math.max(0, ...now.map((value, i) => Math.abs(value - (before[i] ?? Number.NaN))))
    : Number.POSITIVE_INFINITY;
}

test.each(names)('stage "%s": its output has not changed since its version was set', async (stage) => {
  const made = await OUTPUTS[stage]();
  const { version } = STAGES[stage];
  if (process.env.UPDATE && (recorded[stage]?.version ?? 0) < version) {
    recorded[stage] = { version, ...made };
    const lines = Object.entries(recorded).map(([name, output]) => `${JSON.stringify(name)}: ${JSON.stringify(output)}`);
    await writeFile(FILE, `{\n${lines.join(',\n')}\n}\n`);
  }
  expect(complaint(stage, version, made, recorded[stage])).toBeUndefined();
});

test('complaint: another output needs a higher version, which then is written down', () => {
  const before = { version: 2, exact: 'a', close: [1, 100], within: 0.01 };
  const of = (version: number, made: Output) => complaint('x', version, { within: 0.01, ...made }, before);
  expect(of(2, { exact: 'a', close: [1.009, 99.991] })).toBeUndefined();
  for (const made of [
    { exact: 'b', close: [1, 100] },
    { exact: 'a', close: [1.02, 100] },
    { exact: 'a', close: [1] },
  ])
    expect(of(2, made)).toMatch(/^Cannot keep version 2 of stage "x" as its output changed \(.*\): raise the version/);
  expect(of(3, before)).toMatch(/version 3 is not recorded/);
  expect(of(1, before)).toMatch(/^Cannot lower/);
});
