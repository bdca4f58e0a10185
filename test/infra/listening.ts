/** Where a process listens, as Linux tells it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';
/** 127.0.0.1 and ::1, as they stand there. */
const LOOPBACK = ['0100007F', '00000000000000000000000001000000'];

/** Sockets of a process that listen for TCP connections, by the hexadecimal address and port of each, and those of them that others can reach. */
export function listeningOf(pid: number): { all: string[]; open: string[] } {
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]));
  const all = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([, local = '', , state, , , , , , inode]) => (state === LISTENING && own.has(inode) ? [local] : [])),
  );
  return { all, open: all.filter((local) => !LOOPBACK.includes(local.split(':')[0] ?? '')) };
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}
