/** The contestant's side of `contestant.ts`: make ready, say so, repeat on demand. */
import { createInterface } from 'node:readline';
import { binding } from '../../learning/ops/native.ts';

const say = (line: object) => void process.stdout.write(`${JSON.stringify(line)}\n`);

/**
 * Serve until told to end, or nobody is left to tell.
 * @param build  makes what is to be repeated; an iteration may return a number to be looked at, e.g. its loss
 */
export async function serve(build: () => Promise<() => number | undefined> | (() => number | undefined)): Promise<void> {
  const baseBytes = process.memoryUsage.rss();
  const started = performance.now();
  const iterate = await build();
  iterate();
  const device = binding().isUsingGpuDevice() ? 'GPU' : 'CPU';
  say({ ready: true, firstSeconds: (performance.now() - started) / 1_000, baseBytes, device });
  for await (const line of createInterface(process.stdin)) {
    if (line === 'end') break;
    say(repeat(iterate, Number(line.replace('go ', ''))));
  }
  say({ peakBytes: process.resourceUsage().maxRSS * 1_024 });
  process.exit(0);
}

function repeat(iterate: () => number | undefined, times: number): { seconds: number[]; values: number[] } {
  const seconds: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    const value = iterate();
    seconds.push((performance.now() - started) / 1_000);
    if (value !== undefined) values.push(value);
  }
  return { seconds, values };
}
