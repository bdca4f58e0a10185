/** Steps side by side: a line when one starts and ends, and how far the long ones are: live on a terminal, else every 15 seconds. */

const EVERY_MS = 15_000;
const LIVE_MS = 500;

/** @param stream where to write; a TTY gets one line that is rewritten */
export function createProgress(stream) {
  const running = new Set();
  const live = Boolean(stream.isTTY);
  let timer;

  const print = (line) => stream.write(`${live ? '\r\x1b[2K' : ''}${line}\n`);
  const detail = ({ name, started, text }) => `${name} ${clock(started)}${text ? `, ${text}` : ''}`;
  const tick = () => {
    const lines = [...running].map(detail);
    if (live) stream.write(`\r\x1b[2K${`… ${lines.join(' · ')}`.slice(0, (stream.columns ?? 80) - 1)}`);
    else for (const line of lines) print(`… ${line}`);
  };

  return {
    print,
    /** Do `work(note)` under a name; `note(text)` says how far it is. */
    async step(name, work) {
      const step = { name, started: Date.now(), text: '' };
      print(`• ${name}`);
      running.add(step);
      timer ??= setInterval(tick, live ? LIVE_MS : EVERY_MS);
      try {
        const result = await work((text) => {
          step.text = text;
        });
        print(`✔ ${name} ${clock(step.started)}`);
        return result;
      } finally {
        running.delete(step);
        if (running.size === 0) {
          clearInterval(timer);
          timer = undefined;
          if (live) stream.write('\r\x1b[2K');
        }
      }
    },
  };
}

/** Time since `started` as minutes:seconds. */
export function clock(started) {
  const seconds = Math.round((Date.now() - started) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
