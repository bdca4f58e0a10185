/** Where source files lie: a folder on disk or a prefix in a bucket, seen the same way. The bucket's tree is in `store/`. */
import { constants, type Dirent } from 'node:fs';
import { open, opendir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../contracts/failures.ts';

/** A file below the root: its path relative to the root, always with `/`; `modified` in whole milliseconds since 1970. */
export type FileInfo = { path: string; bytes: number; modified: number };

/**
 * Files below one root. A file or folder that is missing or may not be read is a `Failure` of kind InvalidImages; any other
 * trouble (network, disk) is thrown as it comes, so that it is tried again.
 */
export type FileTree = {
  /** Folder or `s3://bucket/prefix`, for messages. */
  readonly root: string;
  /** Every file below the root, some at a time, in any order; hidden folders may be left out. */
  list(): AsyncIterable<FileInfo[]>;
  /** One file, or undefined when there is none. */
  find(path: string): Promise<FileInfo | undefined>;
  /** Bytes [start, end) of a file; shorter only where the file ends. */
  readRange(path: string, start: number, end: number): Promise<Buffer>;
};

/** Gives the tree of a root: a folder's path or `s3://bucket/prefix`. */
export type OpenTree = (root: string) => FileTree;

const RULES: Record<string, string> = {
  ENOENT: 'the folder or file must exist',
  ENOTDIR: 'a source must be a folder, an .npz file or s3://bucket/prefix',
  EISDIR: 'a source must be a file',
  EACCES: 'the folder or file must be readable',
  EPERM: 'the folder or file must be readable',
  ELOOP: 'links must end somewhere',
};

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : '');

function explain(error: unknown, path: string): never {
  const code = codeOf(error);
  const rule = RULES[code];
  if (!rule) throw error;
  throw new Failure('InvalidImages', `Cannot read images as ${rule}: "${path}" (${code})`, { cause: error });
}

/**
 * A whole file.
 * @param most  bytes it may have; no more of a larger one is read
 * @throws Failure InvalidImages when it has more, and what the tree throws
 */
export async function readWhole(tree: FileTree, path: string, most: number): Promise<Buffer> {
  const bytes = await tree.readRange(path, 0, most + 1);
  if (bytes.length <= most) return bytes;
  throw new Failure('InvalidImages', `Cannot read images as such a file has at most ${most} bytes: "${tree.root}/${path}" has more`);
}

const STATS_AT_ONCE = 64;

type Found = { files: FileInfo[]; folders: string[]; linked: string[] };

/** Files, folders and linked folders behind some entries of a folder; links are followed, dangling ones left out. */
async function look(root: string, folder: string, entries: Dirent[]): Promise<Found> {
  const [files, folders, linked]: [FileInfo[], string[], string[]] = [[], [], []];
  const inspect = async (entry: Dirent) => {
    const path = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return void folders.push(path);
    const info = await stat(join(root, path)).catch((error) => (codeOf(error) === 'ENOENT' ? undefined : explain(error, join(root, path))));
    if (info?.isDirectory()) linked.push(path);
    else if (info?.isFile()) files.push({ path, bytes: info.size, modified: Math.trunc(info.mtimeMs) });
  };
  await Promise.all(entries.map(inspect));
  return { files, folders, linked };
}

/** What is not hidden in a folder, some entries at a time: it may hold millions. */
async function* entriesOf(path: string): AsyncGenerator<Dirent[]> {
  let some: Dirent[] = [];
  for await (const entry of await opendir(path, { bufferSize: STATS_AT_ONCE }).catch((error) => explain(error, path))) {
    if (entry.name.startsWith('.')) continue;
    some.push(entry);
    if (some.length < STATS_AT_ONCE) continue;
    yield some;
    some = [];
  }
  yield some;
}

/** Every folder is looked at once: by its own path rather than by a link, and by the first of several links. */
async function* listFolder(root: string): AsyncGenerator<FileInfo[]> {
  const seen = new Set<string>(); // real paths: a link to a folder above would go on for ever
  const [open, links]: [string[], string[]] = [[''], []];
  const next = () => open.pop() ?? links.sort().shift();
  for (let folder = next(); folder !== undefined; folder = next()) {
    const path = join(root, folder);
    const real = await realpath(path).catch((error) => explain(error, path));
    if (seen.has(real)) continue;
    seen.add(real);
    for await (const entries of entriesOf(path)) {
      const { files, folders, linked } = await look(root, folder, entries);
      yield files;
      open.push(...folders);
      links.push(...linked);
    }
  }
}

const READ_PIECE = 2 ** 30; // one read call stays under 2 GiB

/** Only of a file: reading a pipe or a device might never end, nor opening it without O_NONBLOCK. */
async function readPart(path: string, start: number, end: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
    const bytes = Buffer.alloc(Math.max(0, Math.min(end, info.size) - start));
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, Math.min(READ_PIECE, bytes.length - filled), start + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await file.close();
  }
}

/** The files of a folder on this machine. Opening looks at nothing yet. */
export function openFolder(root: string): FileTree {
  const at = (path: string) => join(root, path);
  return {
    root,
    list: () => listFolder(root),
    async find(path) {
      const info = await stat(at(path)).catch((error) => (codeOf(error) === 'ENOENT' ? undefined : explain(error, at(path))));
      return info?.isFile() ? { path, bytes: info.size, modified: Math.trunc(info.mtimeMs) } : undefined;
    },
    readRange: (path, start, end) => readPart(at(path), start, end).catch((error) => explain(error, at(path))),
  };
}

/** A path or address in two: the folder it lies in and its name. */
export function splitPath(path: string): { root: string; name: string } {
  const cut = path.lastIndexOf('/');
  if (cut < 0) return { root: '.', name: path };
  return { root: path.slice(0, cut) || '/', name: path.slice(cut + 1) };
}

/** A path below a folder as people and spreadsheets write it: `.\a\b.png` and `./a/b.png` are the file `a/b.png`. */
export const plainPath = (path: string): string => path.replaceAll('\\', '/').replace(/^(\.\/)+/, '');
