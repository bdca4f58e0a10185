/** Progress on stderr: bars where it is a screen, plain lines where it is a file or a pipe. */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { plainLine, type StageRow } from './stage-rows.ts';
import { printable, type Terminal } from './terminal.ts';

export type Display = {
  update(rows: StageRow[]): void;
  /** A line that stays. */
  say(line: string): void;
  /** Leave the bars as they are and give the screen back. */
  end(): void;
};

const LINE_EVERY_MS = 8_000;

/** A retried piece starts again, and between two pieces nobody beats: what is shown does not go back. */
function onward(): (row: StageRow) => StageRow {
  const furthest = new Map<string, number>();
  return (row) => {
    const fraction = Math.max(furthest.get(row.stage) ?? 0, row.fraction);
    furthest.set(row.stage, fraction);
    return { ...row, fraction };
  };
}

export function openDisplay(terminal: Terminal): Display {
  return terminal.live ? bars() : lines(terminal);
}

/** A line when a stage starts or ends, and one every eight seconds while it goes on. */
export function lines(terminal: Pick<Terminal, 'say'>, now: () => number = Date.now): Display {
  const last = new Map<string, { line: string; state: string; at: number }>();
  const forward = onward();
  return {
    update(rows) {
      for (const row of rows.map(forward)) {
        const line = plainLine(row);
        const before = last.get(row.stage);
        const isNews = row.state !== (before?.state ?? 'waiting');
        const isDue = row.state === 'running' && line !== before?.line && now() - (before?.at ?? 0) >= LINE_EVERY_MS;
        if (!isNews && !isDue) continue;
        last.set(row.stage, { line, state: row.state, at: now() });
        terminal.say(line);
      }
    },
    say: terminal.say,
    end: () => undefined,
  };
}

function bars(): Display {
  const multibar = new MultiBar(
    {
      stream: process.stderr,
      format: '{name} {bar} {share}  {text}',
      barsize: 24,
      hideCursor: true,
      clearOnComplete: false,
      emptyOnZero: true,
      linewrap: false,
      fps: 4,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  const known = new Map<string, SingleBar>();
  const forward = onward();
  return {
    update(rows) {
      for (const row of rows.map(forward)) {
        const bar = known.get(row.stage) ?? multibar.create(1, 0, payload(row));
        known.set(row.stage, bar);
        bar.update(row.fraction, payload(row));
      }
    },
    say: (line) => multibar.log(`${printable(line)}\n`),
    end: () => multibar.stop(),
  };
}

function payload({ stage, state, fraction, text }: StageRow) {
  const share = state === 'waiting' ? '' : state === 'done' ? 'done' : `${Math.floor(100 * fraction)} %`;
  return { name: stage.padEnd(14), share: share.padStart(5), text: printable(text) };
}
