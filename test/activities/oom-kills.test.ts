/** The counters of a kernel, as files. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { oomKillsFor } from '../../activities/oom-kills.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fewlabels-test-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
const vmstat = (kills: number) => write('proc/vmstat', `pgfault 12\noom_kill ${kills}\noom_kill_other 99\n`);

test.each([
  ['second version', '0::/pod/worker', 'sys/fs/cgroup/pod/worker/memory.events', (kills: number) => `oom 9\noom_kill ${kills}\n`],
  [
    'second version, in a container that sees its own group only',
    '0::/outside',
    'sys/fs/cgroup/memory.events',
    (kills: number) => `oom_kill ${kills}\n`,
  ],
  [
    'first version',
    '4:cpu,memory:/pod\n0::/',
    'sys/fs/cgroup/memory/pod/memory.oom_control',
    (kills: number) => `under_oom 0\noom_kill ${kills}\n`,
  ],
])('oomKillsFor: counts those of the process’s own group: %s', async (_, groups, file, text) => {
  await write('proc/7/cgroup', `${groups}\n`);
  await write(file, text(3));
  await vmstat(3);
  const kills = oomKillsFor(7, root);
  await vmstat(5); // another group's
  expect(kills?.haveGrown()).toBe(false);
  await write(file, text(4));
  expect(kills?.haveGrown()).toBe(true);
});

test('oomKillsFor: without groups it counts those of the machine', async () => {
  await vmstat(3);
  const kills = oomKillsFor(7, root);
  expect(kills?.haveGrown()).toBe(false);
  await vmstat(4);
  expect(kills?.haveGrown()).toBe(true);
});

test('oomKillsFor: where nobody counts, nothing is known', () => {
  expect(oomKillsFor(7, root)).toBeUndefined();
});
