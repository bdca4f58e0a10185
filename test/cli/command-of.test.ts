import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { commandOf } from '../../cli/commands/run.ts';

test('commandOf: a shell reads back what was given, settings with blanks, brackets, quotes and dollars too', async () => {
  const sets = ['pretrain.epochs=4', 'labels={fractions: [0.01, 0.1]}', `name=o'clock $HOME`];
  const command = commandOf('my recipes/cells.yaml', sets);
  const { stdout } = await promisify(execFile)('sh', ['-c', `npx() { printf '%s\\n' "$@"; }; ${command}`]);
  const given = ['fewlabels', 'run', 'my recipes/cells.yaml', ...sets.flatMap((set) => ['--set', set])];
  expect(stdout.trimEnd().split('\n')).toEqual(given);
  expect(commandOf('cells.yaml')).toBe('npx fewlabels run cells.yaml');
});
