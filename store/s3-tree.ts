/** Source images in a bucket: `s3://bucket/prefix` seen as a tree of files, with the endpoint and credentials of the store. */

import { Failure } from '../contracts/failures.ts';
import type { S3Access } from '../contracts/services.ts';
import type { FileInfo, FileTree } from '../learning/images/file-tree.ts';
import { ABSENT, type Connection, connect, listObjects, orCode, type Patience } from './connection.ts';
import { readBytes } from './reading.ts';

/** Whether a source is an address in a bucket and not a path. */
export const isS3Address = (root: string) => root.startsWith('s3://');

/**
 * Opens trees at `s3://bucket` or `s3://bucket/prefix`; the bucket may be another than the store's. Opening sends nothing yet.
 * Files and folders with a leading dot are left out of listings.
 * @throws Failure 'InvalidImages' for another address
 */
export function openS3Trees(access: S3Access, patience?: Patience): (root: string) => FileTree {
  return (root) => {
    const { bucket, prefix } = parseAddress(root);
    return treeOn(connect({ ...access, bucket }, patience), root, prefix);
  };
}

function parseAddress(root: string): { bucket: string; prefix: string } {
  const [, bucket, path = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(root) ?? [];
  if (bucket === undefined)
    throw new Failure('InvalidImages', `Cannot read images as an address must be s3://bucket or s3://bucket/prefix: "${root}"`);
  const prefix = path.replace(/\/+$/, '');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

function treeOn(connection: Connection, root: string, prefix: string): FileTree {
  const { client, bucket, attempt } = connection;
  const keyOf = (path: string) => `${prefix}${path}`;
  const find = async (path: string): Promise<FileInfo | undefined> => {
    const found = await attempt(`look at "${keyOf(path)}"`, () => orCode(ABSENT, () => client.statObject(bucket, keyOf(path))));
    return found && { path, bytes: found.size, modified: wholeSeconds(found.lastModified) };
  };
  return {
    root,
    find,
    async *list() {
      if (!(await attempt('read images', () => client.bucketExists(bucket)))) throw missing(root, connection.place);
      for await (const { key, bytes, modified } of listObjects(connection, prefix)) {
        const path = key.slice(prefix.length);
        if (isFile(path)) yield [{ path, bytes, modified: wholeSeconds(modified) }];
      }
    },
    async readRange(path, start, end) {
      if (end <= start) return Buffer.alloc(0);
      const bytes = await readBytes(connection, keyOf(path), { offset: start, length: end - start }, [...ABSENT, 'InvalidRange']);
      if (bytes !== undefined) return bytes;
      if ((await find(path)) === undefined) throw missing(`${root}/${path}`, connection.place);
      return Buffer.alloc(0); // the range lies beyond the end
    },
  };
}

/** A listing knows milliseconds, a HEAD only seconds; a file must look the same in both. */
const wholeSeconds = (date: Date) => Math.floor(date.getTime() / 1000) * 1000;

/** Consoles mark an empty folder by an object whose name ends in a slash. */
const isFile = (path: string) => path !== '' && !path.split('/').some((part) => part === '' || part.startsWith('.'));

function missing(address: string, place: string): Failure {
  return new Failure('InvalidImages', `Cannot read images as it must exist: "${address}" in ${place}`);
}
