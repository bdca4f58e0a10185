import { createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { choosePorts, HOST } from '../../infra/local/ports.ts';

const strangers: Server[] = [];
afterEach(async () => {
  await Promise.all(strangers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A port on which somebody else listens. */
async function takenPort(): Promise<number> {
  const server = createServer();
  strangers.push(server);
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test('choosePorts: remembered ports that are free stay', async () => {
  const first = await choosePorts({ temporal: 0, ui: 0, minio: 0, console: 0 });
  expect(new Set(Object.values(first)).size).toBe(4);
  expect(await choosePorts(first)).toEqual(first);
});

test('choosePorts: a remembered port that a stranger has taken is given up, the others stay', async () => {
  const first = await choosePorts({ temporal: 0, ui: 0, minio: 0, console: 0 });
  const taken = await takenPort();
  const second = await choosePorts({ ...first, minio: taken });
  expect(second.minio).not.toBe(taken);
  expect({ ...second, minio: 0 }).toEqual({ ...first, minio: 0 });
});
