import { expect, test } from 'vitest';
import { summaryText } from '../../contracts/progress.ts';

test('summaryText: whole where it fits; cut by bytes, not by letters, and never within a letter', () => {
  expect(summaryText('pretrain epochs 1–4 of 20')).toBe('pretrain epochs 1–4 of 20');
  expect(summaryText('x'.repeat(1000))).toHaveLength(350);
  expect(summaryText('画'.repeat(300))).toBe('画'.repeat(116)); // three bytes each
  expect(summaryText('🦠'.repeat(300))).toBe('🦠'.repeat(87)); // four bytes, two units of a string
  expect(summaryText('"'.repeat(1000))).toHaveLength(175); // two bytes each in JSON
});
