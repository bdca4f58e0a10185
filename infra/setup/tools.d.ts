/** Types of tools.js, which is plain JavaScript as it runs before any package is there. */
type Variables = Record<string, string | undefined>;

export const VERSIONS: { tensorflow: string; temporal: string; minio: string };
export function cacheFolder(env: Variables): string;
export function onPath(name: string, env: Variables): string | undefined;
export function findServer(name: 'temporal' | 'minio', env: Variables): Promise<{ file: string; version: string } | undefined>;
