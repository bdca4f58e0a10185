import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { importsIn, LONGEST_FILE, loadedBy, type SourceFile, servicesIn, violations } from './import-rule.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));
const IGNORED = new Set(['node_modules', '.git', 'runs', 'coverage']);

function sourceFiles(folder: string): SourceFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return IGNORED.has(entry.name) ? [] : sourceFiles(path);
    return /\.(ts|js)$/.test(entry.name)
      ? [{ path: relative(repository, path).replaceAll('\\', '/'), text: readFileSync(path, 'utf8') }]
      : [];
  });
}

test('repository: imports run downwards only, and every folder keeps its rules', () => {
  const files = sourceFiles(repository);
  expect(files.map(({ path }) => path)).toContain('contracts/artifacts.ts');
  expect(violations(files)).toEqual([]);
});

test('repository: nothing that the trainer loads is a client of a network, and of the workers it loads what its machine can do only', () => {
  const loaded = loadedBy('workers/trainer.ts', sourceFiles(repository));
  expect(loaded.length).toBeGreaterThan(50);
  expect(loaded.filter((file) => servicesIn(file).length > 0).map(({ path }) => path)).toEqual([]);
  const folders = new Set(loaded.map(({ path }) => path.split('/')[0]));
  expect([...folders].sort()).toEqual(['contracts', 'learning', 'workers']);
  expect(
    loaded
      .map(({ path }) => path)
      .filter((path) => path.startsWith('workers/'))
      .sort(),
  ).toEqual(['workers/hardware.ts', 'workers/trainer.ts']);
});

test('repository: a worker that loads TensorFlow leaves the GPUs to the trainer, before it does', () => {
  const files = sourceFiles(repository);
  const workers = ['data', 'training', 'pipeline'].map((name) => `workers/${name}.ts`);
  const withTensorflow = workers.filter((worker) => loadedBy(worker, files).some(({ path }) => path === 'learning/tensorflow.ts'));
  expect(withTensorflow).toContain('workers/data.ts');
  for (const worker of withTensorflow) {
    const text = files.find(({ path }) => path === worker)?.text ?? '';
    expect(/^import .*/m.exec(text)?.[0]).toMatch(/^import '.\/without-gpu.ts';/);
  }
});

const check = (path: string, text: string) => violations([{ path, text }]);

const forbidden: [string, string, string][] = [
  ['learning/a.ts', 'learning/a.ts → ../store/s3.ts: learning knows nothing', `import { put } from '../store/s3.ts';`],
  ['learning/a.ts', 'learning knows nothing', `import type { Store } from '../store/store.ts';`],
  ['learning/a.ts', '"labelDraws" is neither type nor constant', `import { labelDraws } from '../contracts/recipe.ts';`],
  ['learning/a.ts', '"the whole module" is neither', `import * as recipe from '../contracts/recipe.ts';`],
  ['learning/a.ts', 'learning knows nothing', `import { Client } from 'minio';`],
  ['learning/a.ts', 'learning knows nothing', `import { get } from 'node:http';`],
  ['learning/a.ts', 'learning knows nothing', `const { Context } = await import('@temporalio/activity');`],
  ['learning/a.ts', 'learning/a.ts → the clock', 'const seed = Date.now();'],
  ['learning/a.ts', 'only entry points read the environment', 'const threads = process.env.THREADS;'],
  ['learning/a.ts', 'learning/a.ts → the network', `await fetch('http://example.org');`],
  ['workers/trainer.ts', 'workers/trainer.ts → the network', `new WebSocket('ws://example.org');`],
  ['workers/trainer.ts', 'the trainer sees its scratch folder only', `import { request } from 'undici';`],
  ['learning/loops/a.ts', 'nothing imports test', `import { fake } from '../../test/fake.ts';`],
  ['store/a.ts', 'store is named bytes', `import { decode } from '../learning/decode.ts';`],
  ['store/a.ts', 'store is named bytes', `import { type A } from '../learning/decode.ts';`],
  ['report/a.ts', 'report is pure functions', `import { openS3 } from '../store/s3.ts';`],
  ['contracts/a.ts', 'zod and contracts only', `import { readFile } from 'node:fs';`],
  ['contracts/a.ts', 'zod and contracts only', `export * from '../learning/x.ts';`],
  ['workflows/a.ts', 'workflows are deterministic', `import { shard } from '../activities/shard.ts';`],
  ['workflows/a.ts', 'workflows are deterministic', `import { log } from '@temporalio/activity';`],
  ['workflows/a.ts', 'workflows are deterministic', `import fs from 'node:fs';`],
  ['workflows/a.ts', 'workflows are deterministic', `import 'zod';`],
  ['activities/a.ts', 'activities fetch', `import type { Run } from '../cli/run.ts';`],
  ['workers/data.ts', 'workflows by path only', `import { pipeline } from '../workflows/pipeline.ts';`],
  ['workers/data.ts', 'learning in the trainer only', `import { tf } from '../learning/tensorflow.ts';`],
  ['workers/trainer.ts', 'the trainer sees its scratch folder only', `import { openS3 } from '../store/s3.ts';`],
  ['workers/trainer.ts', 'the trainer sees its scratch folder only', `import { serve } from './serve.ts';`],
  ['cli/run.ts', 'the command line is a client', `import { serve } from '../workers/serve.ts';`],
  ['cli/run.ts', 'the command line is a client', `import { pipeline } from '../workflows/pipeline.ts';`],
  ['cli/run.ts', 'the command line is a client', `import { shard } from '../activities/shard.ts';`],
  ['cli/commands/run.ts', 'only entry points read the environment', 'spawn(x, { env: process.env });'],
  ['infra/local/minio.ts', 'infra/local starts', `import { run } from '../../cli/run.ts';`],
  ['infra/temporal/codec.ts', 'how a Temporal server is reached', `import { openS3 } from '../../store/s3.ts';`],
  ['infra/setup/tools.js', 'before any package is there', `import { z } from 'zod';`],
  ['store/utils.ts', '"utils.ts" says nothing', ''],
  ['learning/helpers/a.ts', '"helpers" says nothing', ''],
  ['store/upload-manager.ts', '"upload-manager.ts" says nothing', ''],
  ['store/long.ts', '301 lines, at most 300', 'x\n'.repeat(LONGEST_FILE + 1)],
];
test.each(forbidden)('import rule: in %s, broken: %s', (path, message, text) => {
  const found = check(path, text);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(message);
});

const allowed: [string, string][] = [
  ['learning/a.ts', `import { FAILURES, Failure } from '../contracts/failures.ts';\nimport type { Recipe } from '../contracts/recipe.ts';`],
  ['learning/loops/a.ts', `import { tf } from '../tensorflow.ts';\nimport { readFile } from 'node:fs/promises';`],
  ['learning/a.ts', `// Date.now() and process.env are not for us; see import '../store/s3.ts'\nconst text = 'https://example.org';`],
  ['store/a.ts', `import type { FileTree } from '../learning/images/file-tree.ts';\nimport { Client } from 'minio';`],
  ['store/long.ts', 'x\n'.repeat(LONGEST_FILE)],
  ['contracts/a.ts', `import { z } from 'zod';\nimport type { B } from './b.ts';`],
  ['workflows/a.ts', `import type { Activities } from '../activities/index.ts';\nimport { proxyActivities } from '@temporalio/workflow';`],
  ['workers/trainer.ts', `import { tf } from '../learning/tensorflow.ts';\nconst folder = process.env.FOLDER;`],
  ['workers/data.ts', `import { serve } from './serve.ts';`],
  ['cli/run.ts', `import type { pipeline } from '../workflows/pipeline.ts';\nawait import('../workers/data.ts');`],
  ['infra/local/a.ts', `import { tools } from '../setup/tools.js';\nimport { openS3 } from '../../store/s3.ts';`],
  ['workers/serve.ts', `import { codecOf } from '../infra/temporal/codec.ts';`],
  ['test/a.test.ts', `import { openS3 } from '../store/s3.ts';`],
];
test.each(allowed)('import rule: in %s, kept (case %$)', (path, text) => {
  expect(check(path, text)).toEqual([]);
});

test('importsIn: finds every form of import, over several lines too', () => {
  const code = `import a, { b as c, type D } from './1.ts';
import type { E } from './2.ts';
import {
  f,
  g,
} from './3.ts';
import './4.ts';
export { h } from './5.ts';
export type { I } from './6.ts';
const from = 'not this';
const j = await import('./7.ts');`;
  expect(importsIn(code)).toEqual([
    { specifier: './1.ts', typeOnly: false, dynamic: false, names: ['the whole module', 'b'] },
    { specifier: './2.ts', typeOnly: true, dynamic: false, names: ['E'] },
    { specifier: './3.ts', typeOnly: false, dynamic: false, names: ['f', 'g'] },
    { specifier: './4.ts', typeOnly: false, dynamic: false, names: [] },
    { specifier: './5.ts', typeOnly: false, dynamic: false, names: ['h'] },
    { specifier: './6.ts', typeOnly: true, dynamic: false, names: ['I'] },
    { specifier: './7.ts', typeOnly: false, dynamic: true, names: ['import()'] },
  ]);
});
