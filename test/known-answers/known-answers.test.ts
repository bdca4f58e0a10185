/**
 * Answers that others worked out, each beside ours. The table is docs/known-answers.md, which must be what this file computes:
 *
 *     UPDATE=1 npx vitest run test/known-answers
 *
 * writes it anew. Figures without a source of their own were worked out from the named equation in float64.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Part } from './answer.ts';
import { parameterAnswers } from './networks.ts';
import { ntXentAnswers } from './nt-xent.ts';
import { optimizerAnswers, scheduleAnswers } from './optimizers.ts';
import { otherAnswers } from './others.ts';

const PAGE = fileURLToPath(new URL('../../docs/known-answers.md', import.meta.url));

const PARTS: Part[] = [
  { title: 'NT-Xent', answers: ntXentAnswers },
  { title: 'Optimizers', answers: optimizerAnswers },
  { title: 'Schedule', answers: scheduleAnswers },
  { title: 'Parameter counts', answers: parameterAnswers },
  { title: 'Norms, classifiers, distillation, views, labels', answers: otherAnswers },
];

describe.each(PARTS)('known answers: $title', ({ answers }) => {
  test.each(answers)('$what', ({ expected, ours, within = 1e-5 }) => {
    const values = ours();
    expect(values).toHaveLength(expected.length);
    for (const [i, wanted] of expected.entries())
      expect(Math.abs((values[i] ?? Number.NaN) - wanted)).toBeLessThanOrEqual(within * Math.max(1, Math.abs(wanted)));
  });
});

/** As many digits as the expectation is sure of. */
const written = (value: number, within: number) =>
  Number.isInteger(value) && within === 0
    ? value.toLocaleString('en-US')
    : String(Number(value.toPrecision(Math.abs(value) < 1e-3 ? 1 : 4)) || 0);

function pageOf(parts: Part[]): string {
  const tables = parts.map(({ title, answers }) => {
    const rows = answers.map(({ what, source, expected, ours, within = 1e-5 }) => {
      const cell = (values: number[]) => values.map((value) => written(value, within)).join(', ');
      return `| ${what} | ${source} | ${cell(expected)} | ${cell(ours())} |`;
    });
    return [`## ${title}`, '', '| what | source | expected | ours |', '|---|---|---:|---:|', ...rows].join('\n');
  });
  return [
    '# Known answers',
    '',
    'What others worked out, and what our code gives. `test/known-answers/` demands far more digits than stand here, and that this page is what it',
    'computes. Answers that are whole tensors (pixels, forward passes, gradients, optimizers over ten steps) are golden files of PyTorch, torchvision,',
    'Pillow and scikit-learn in `test/golden/`, beside the scripts that made them.',
    '',
    'What others have and we do not, so that it has no row: losses and norms over several devices (a step is one device’s; parts of a batch are another matter,',
    '`learning/steps/parts.ts`); Nesterov momentum inside LARS, and the LARS of lightly; moving statistics of another momentum than 0.9, and an ε of 0;',
    'evaluation crops of oblong images (ours are stored square); epochs that are no whole number of steps (97,657 steps of CIFAR-10 are 97,000 here). What is no number',
    'has tests of its own: gradients by finite differences, a linear probe that leaves the encoder’s bits, kill and resume to the bit.',
    '',
    tables.join('\n\n'),
    '',
  ].join('\n');
}

test('docs/known-answers.md is what these tests compute', async () => {
  const page = pageOf(PARTS);
  if (process.env.UPDATE) await writeFile(PAGE, page);
  expect(await readFile(PAGE, 'utf8')).toBe(page);
});
