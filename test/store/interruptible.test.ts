/** A store for work that may be told to stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { interruptible, unlessAborted } from '../../store/interruptible.ts';
import { openMemory } from '../../store/memory.ts';
import { listed } from '../../store/store.ts';
import { conformance } from './conformance.ts';

conformance('a store whose signal is never aborted', async () => interruptible(openMemory(), new AbortController().signal));

test('interruptible: once aborted it begins nothing any more, and says why', async () => {
  const stop = new AbortController();
  const below = openMemory();
  const store = interruptible(below, stop.signal);
  await store.put('a', Buffer.from('a'));
  stop.abort(new Error('told to stop'));
  for (const asked of [store.put('b', Buffer.from('b')), store.get('a'), store.stream('a'), store.remove(['a']), listed(store, '')])
    await expect(asked).rejects.toThrow('told to stop');
  expect(await listed(below, '')).toEqual(['a']);
});

test('interruptible: a stream ends in the midst', async () => {
  const stop = new AbortController();
  const below = openMemory();
  await below.put('a', Buffer.from('abc'));
  const stream = await interruptible(below, stop.signal).stream('a');
  stop.abort();
  await expect(stream?.toArray()).rejects.toMatchObject({ name: 'AbortError' });
});

test('unlessAborted: hears nothing of what fails behind its back', async () => {
  const stop = new AbortController();
  const work = sleep(20).then(() => Promise.reject(new Error('too late')));
  const waiting = unlessAborted(stop.signal, work);
  stop.abort(new Error('told to stop'));
  await expect(waiting).rejects.toThrow('told to stop');
  await sleep(50); // an unhandled rejection would fail the test run
});
