import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { sampleData } from './sample-data.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('sampleData: the folder in FEWLABELS_DATA', async () => {
  const home = await mkdtemp(join(tmpdir(), 'fewlabels-samples-'));
  await mkdir(join(home, 'cifar10'));
  vi.stubEnv('FEWLABELS_DATA', home);
  vi.stubEnv('CI', '');
  expect(sampleData('cifar10')).toBe(join(home, 'cifar10'));
  expect(sampleData('bloodcells')).toBeUndefined();
  await rm(home, { recursive: true });
});

test('sampleData: what is absent is undefined, and an error under CI=true', () => {
  vi.stubEnv('FEWLABELS_DATA', '/nowhere');
  vi.stubEnv('CI', '');
  expect(sampleData('cifar10')).toBeUndefined();
  vi.stubEnv('CI', 'true');
  expect(() => sampleData('cifar10')).toThrow(/CI must have the sample data: "\/nowhere\/cifar10"/);
});
