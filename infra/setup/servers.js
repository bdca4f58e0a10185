/** Temporal and MinIO, built from their Go modules; checksums are those of go.sum and of Go's checksum database. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.js';
import { run } from './run.js';
import { cacheFolder, VERSIONS } from './tools.js';

/** A module of our own for Temporal, as `go install` refuses the `replace` in Temporal's. */
const MODULE = fileURLToPath(new URL('../temporal', import.meta.url));
const SMALL = ['-trimpath', '-ldflags', '-s -w'];

export const SERVERS = {
  temporal: { title: 'Temporal', release: VERSIONS.temporal, variable: 'TEMPORAL_ADDRESS' },
  minio: { title: 'MinIO', release: 'of 12 February 2026', variable: 'S3_ENDPOINT' },
};

/** Build a server into the cache. The dependencies take most of the time; Go keeps them in its own cache. */
export function buildServer({ name, env, signal }, note) {
  return cached(join(cacheFolder(env), `${name}-${VERSIONS[name]}`), note, async (partial) => {
    const counts = { modules: 0, packages: 0 };
    const onLine = (line) => {
      if (line.startsWith('go: downloading')) counts.modules += 1;
      else counts.packages += 1;
      note(counts.packages > 0 ? `${counts.packages} packages compiled` : `${counts.modules} modules downloaded`);
    };
    const what = `build ${SERVERS[name].title}`;
    const build = { ...env, CGO_ENABLED: '0', GOWORK: 'off', GOBIN: partial };
    await run('go', argumentsFor(name, partial), { what, cwd: MODULE, env: build, signal, onLine });
  });
}

function argumentsFor(name, folder) {
  if (name === 'minio') return ['install', '-v', ...SMALL, `github.com/minio/minio@${VERSIONS.minio}`];
  return ['build', '-v', ...SMALL, '-o', join(folder, 'temporal'), 'github.com/temporalio/cli/cmd/temporal'];
}
