/** Where image sources lie: a folder on this machine, or a prefix in a bucket. */
import type { S3Access } from '../contracts/services.ts';
import { type OpenTree, openFolder } from '../learning/images/file-tree.ts';
import { interruptibleTree } from '../store/interruptible.ts';
import { isS3Address, openS3Trees } from '../store/s3-tree.ts';

export function openTrees(s3: S3Access): OpenTree {
  const openBucket = openS3Trees(s3);
  return (root) => (isS3Address(root) ? openBucket(root) : openFolder(root));
}

/** The same trees, which nobody waits for any longer once the signal is aborted. */
export function treesUntil(signal: AbortSignal, openTree: OpenTree): OpenTree {
  return (root) => interruptibleTree(openTree(root), signal);
}
