/** `fewlabels doctor` */

import { checkups } from '../checkups.ts';
import { EXIT, Quit } from '../problem.ts';
import type { Context } from '../terminal.ts';

/** One line for each thing a run needs: ok, or the problem and what to do. Exit status 1 when there is a problem. */
export async function doctor(context: Context, { json }: { json?: boolean }): Promise<void> {
  const { terminal } = context;
  const found = [];
  for (const { name, look } of checkups(context)) {
    const finding = await look().catch((error: Error) => ({ ok: false, text: error.message.split('\n')[0] ?? '' }));
    found.push({ name, ...finding });
    if (!json) terminal.print(`${finding.ok ? 'ok     ' : 'problem'}  ${name.padEnd(12)} ${finding.text}`);
  }
  if (json) terminal.print(JSON.stringify({ ok: found.every(({ ok }) => ok), checks: found }));
  if (found.some(({ ok }) => !ok)) throw new Quit(EXIT.failed);
}
