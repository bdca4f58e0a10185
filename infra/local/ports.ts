/** Ports of the embedded servers: those remembered, or the usual ones, or any that are free. */
import { connect, createServer, type Server } from 'node:net';
import type { Ports } from './record.ts';

export const HOST = '127.0.0.1';
export const USUAL_PORTS: Ports = { temporal: 7233, ui: 8233, minio: 9000, console: 9001 };

/** Choose four different ports that nobody listens on at this moment. */
export async function choosePorts(remembered: Ports): Promise<Ports> {
  const held: Server[] = [];
  const choose = async (wanted: number[]): Promise<number> => {
    for (const port of [...wanted, 0]) {
      const server = await hold(port);
      if (server === undefined) continue;
      held.push(server);
      return portOf(server);
    }
    throw new Error('Cannot choose a port as at least one must be free: none is');
  };
  try {
    return {
      temporal: await choose([remembered.temporal, USUAL_PORTS.temporal]),
      ui: await choose([remembered.ui, USUAL_PORTS.ui]),
      minio: await choose([remembered.minio, USUAL_PORTS.minio]),
      console: await choose([remembered.console, USUAL_PORTS.console]),
    };
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** Whether somebody listens there. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: HOST }, () => {
      socket.destroy();
      resolve(true);
    }).once('error', () => resolve(false));
  });
}

function hold(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host: HOST, exclusive: true }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Cannot choose a port as a socket must have one');
  return address.port;
}
