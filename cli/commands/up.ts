/** `fewlabels up`, `fewlabels down` */
import type { Services } from '../../contracts/services.ts';
import { ensureUp, down as stop } from '../../infra/local/services.ts';
import { type Context, columns } from '../terminal.ts';

export async function up({ environment, terminal }: Context): Promise<void> {
  terminal.print(...addresses(await ensureUp(environment, terminal.say)));
}

export async function down({ environment, terminal }: Context): Promise<void> {
  terminal.say(
    (await stop(environment))
      ? 'The servers and workers are stopped. Running runs go on when they are up again'
      : 'No embedded servers are up',
  );
}

/** Where a browser finds what. */
export function addresses({ temporal, s3, console }: Services): string[] {
  const rows = [
    ['Temporal', temporal.address],
    ...(temporal.ui ? [['Temporal UI', temporal.ui]] : []),
    ['S3', `${s3.endpoint} (bucket ${s3.bucket})`],
    ...(console ? [['MinIO console', console]] : []),
  ];
  return columns(rows);
}
