/** The command line, all of it on one page. Each command's work is in `commands/`, loaded when it is called. */
import { readFile } from 'node:fs/promises';
import { Command, CommanderError, Option } from 'commander';
import { readEnvironment } from '../contracts/environment.ts';
import { BadInput, EXIT, exitStatus, explain, failureJson, Quit } from './problem.ts';
import { type Context, openTerminal, printable, type Terminal } from './terminal.ts';

const collect = (value: string, before: string[] = []) => [...before, value];

const EXAMPLES = `
Examples:
  npx fewlabels init ~/my-scans                write my-scans.yaml for a folder of images
  npx fewlabels check my-scans.yaml            count images, name mistakes, guess the time
  npx fewlabels views my-scans.yaml            a picture of what pretraining sees: look before it trains
  npx fewlabels run my-scans.yaml              the whole of it; as a short try first, add
      --set pretrain.epochs=5 --set finetune.epochs=5 --set distill.epochs=2 --set labels.draws=1
  npx fewlabels predict my-scans new-images/   classes and probabilities, as CSV`;

const CLEANED = `
Left over are: data that no manifest names and uploads that never ended, once they are a day old; checkpoints of
finished trainings; views, while no run is going; day-old records of what was broken. Models, shards, reports and the
checkpoints of unfinished trainings stay, as does whatever else lies in the bucket. Runs are asked for at one Temporal
server: do not clean a bucket that runs of another use.`;

/**
 * Run one command and end the process: 0 done, 1 failed, 2 bad input or usage, 130 interrupted.
 * @param args  what follows `fewlabels`
 */
export async function main(args: string[]): Promise<never> {
  const terminal = openTerminal(process.env.TERM);
  let hasPrinted = false;
  const counted: Terminal = {
    ...terminal,
    print(...lines) {
      hasPrinted = true;
      terminal.print(...lines);
    },
  };
  let status: number = EXIT.done;
  try {
    await commandLine(() => contextOf(counted), await version()).parseAsync(args, { from: 'user' });
  } catch (error) {
    status = error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.done : EXIT.badInput) : exitStatus(error);
    if (!(error instanceof CommanderError) && !(error instanceof Quit)) terminal.say(...explain(error).map(marked));
    if (status !== EXIT.done && args.includes('--json') && !hasPrinted) terminal.print(failureJson(error)); // a program waits for it
  }
  await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)))); // pipes are slow
  process.exit(status);
}

/** A line that goes on with the one before it begins with spaces. */
const marked = (line: string) => (line.startsWith('  ') ? line : `✖ ${line}`);

/** On one line: an argument may be the name of a file, which stands for an option. */
const usageMistake = (text: string) =>
  text
    .trimEnd()
    .replace(/^error: /, '✖ ')
    .replace(/\n(\(Did you mean [^\n]*\?\))$/, ' $1');

/** The program with all its commands; `context` is asked for when one of them runs. */
export function commandLine(context: () => Context, versionText: string): Command {
  const program = new Command('fewlabels')
    .description('Learn a classifier from many images and few labels.')
    .version(versionText)
    .exitOverride()
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(fewlabels --help shows how)')
    .configureOutput({ outputError: (text, write) => write(`${printable(usageMistake(text))}\n`) });

  const json = () => new Option('--json', 'print one JSON object on stdout and nothing else there');
  const out = (what = 'where results are written') => new Option('--out <folder>', what).default('runs');
  const set = () =>
    new Option('--set <key=value>', 'change a key of the recipe, e.g. --set pretrain.epochs=5 (repeatable)').argParser(collect);
  const recipe = ['<recipe>', 'a YAML file; `npx fewlabels init FOLDER` writes one'] as const;
  const run = ['<run>', 'its id, the name of its recipe (the newest run), or the recipe file'] as const;

  program
    .command('run')
    .description('run a recipe, or re-attach to its run; the same recipe again re-uses what is done')
    .argument(...recipe)
    .option('--detach', 'start it and return')
    .addOption(json())
    .addOption(set())
    .addOption(out())
    .action(async (file, options) => (await import('./commands/run.ts')).run(context(), file, options));
  program
    .command('demo')
    .description('run the demo recipe, which draws its own images')
    .addOption(out())
    .action(async (options) => (await import('./commands/demo.ts')).demo(context(), options));
  program
    .command('check')
    .description('look at a recipe and its images; starts nothing')
    .argument(...recipe)
    .addOption(json())
    .addOption(set())
    .action(async (file, options) => (await import('./commands/check.ts')).check(context(), file, options));
  program
    .command('views')
    .description('draw a picture of sixteen images and the views that pretraining sees of them; starts nothing')
    .argument(...recipe)
    .option('--output <file>', 'the PNG to write (default: RECIPE-views.png beside the recipe)')
    .addOption(set())
    .action(async (file, options) => (await import('./commands/views.ts')).views(context(), file, options));
  program
    .command('init')
    .description('write a recipe for a folder of images')
    .argument('<folder>', 'one sub-folder per class, or images and a CSV of labels')
    .option('--output <file>', 'the recipe to write (default: NAME.yaml here)')
    .action(async (folder, options) => (await import('./commands/init.ts')).init(context(), folder, options));
  program
    .command('list')
    .description('runs, newest first')
    .addOption(json())
    .option('--limit <count>', 'how many', '20')
    .action(async (options) => (await import('./commands/list.ts')).list(context(), options));
  program
    .command('status')
    .description('how a run stands; without RUN: the servers and what is running')
    .argument('[run]', run[1])
    .addOption(json())
    .action(async (name, options) => (await import('./commands/status.ts')).status(context(), name, options));
  program
    .command('cancel')
    .description('stop a run; what is done is kept')
    .argument(...run)
    .action(async (name) => (await import('./commands/cancel.ts')).cancel(context(), name));
  program
    .command('pause')
    .description('stop the work of a run for a while; trainings write a last checkpoint')
    .argument(...run)
    .action(async (name) => (await import('./commands/pause.ts')).pause(context(), name));
  program
    .command('resume')
    .description('take a paused run up again')
    .argument(...run)
    .action(async (name) => (await import('./commands/pause.ts')).resume(context(), name));
  program
    .command('report')
    .description('fetch the report of a finished run and print its path')
    .argument(...run)
    .addOption(out())
    .action(async (name, options) => (await import('./commands/report.ts')).report(context(), name, options));
  program
    .command('predict')
    .description('class and probability of images, with a student')
    .argument('<model>', 'a run, or a student.safetensors file')
    .argument('<images...>', 'files or folders')
    .addOption(json())
    .addOption(out('where students of finished runs lie'))
    .action(async (model, images, options) => (await import('./commands/predict.ts')).predict(context(), model, images, options));
  program
    .command('export')
    .description('write a model for use elsewhere, e.g. in PyTorch')
    .argument('<model>', 'a run, or a student.safetensors file')
    .addOption(new Option('--what <model>', 'which of a run’s models').choices(['student', 'representation']).default('student'))
    .addOption(new Option('--names <names>', 'how weights are named and laid out').choices(['pytorch', 'fewlabels']).default('pytorch'))
    .option('--output <file>', 'the file to write (default: WHAT-NAMES.safetensors here)')
    .addOption(out('where students of finished runs lie'))
    .action(async (model, options) => (await import('./commands/export.ts')).exportModel(context(), model, options));
  program
    .command('clean')
    .description('say what the store keeps that nobody needs any more; deletes nothing unless it is told to')
    .option('--delete', 'delete it')
    .addOption(json())
    .addHelpText('after', CLEANED)
    .action(async (options) => (await import('./commands/clean.ts')).clean(context(), options));
  program
    .command('doctor')
    .description('look at everything a run needs, or into the compiled steps of a recipe')
    .addOption(json())
    .option('--graph <recipe>', 'write the TensorFlow graph of each of its steps, as text and as a GraphDef (.pb)')
    .addOption(out('where graphs are written'))
    .action(async ({ graph, ...options }) =>
      graph
        ? (await import('./commands/graphs.ts')).graphs(context(), graph, options)
        : (await import('./commands/doctor.ts')).doctor(context(), options),
    );
  program
    .command('codec')
    .description('let the Temporal UI and command line read what FEWLABELS_CODEC_KEY encrypts')
    .option('--port <port>', 'where to listen', '8081')
    .option('--host <address>', 'on which address', '127.0.0.1')
    .addOption(new Option('--origin <url>', 'of a UI that may ask (default: the UI of these servers; repeatable)').argParser(collect))
    .action(async (options) => (await import('./commands/codec.ts')).codec(context(), options));
  program
    .command('up')
    .description('start the embedded servers and workers')
    .action(async () => (await import('./commands/up.ts')).up(context()));
  program
    .command('down')
    .description('stop them; runs go on when they are up again')
    .action(async () => (await import('./commands/up.ts')).down(context()));
  program
    .command('worker')
    .description('serve one queue in this process')
    .argument('<kind>', 'pipeline, data or training')
    .action(async (kind) => (await import('./commands/worker.ts')).worker(context(), kind));
  return program;
}

function contextOf(terminal: Terminal): Context {
  return { terminal, variables: process.env, environment: environmentOf(process.env), catchInterrupt };
}

function environmentOf(variables: Record<string, string | undefined>) {
  try {
    return readEnvironment(variables);
  } catch (error) {
    throw new BadInput((error as Error).message.split('\n'));
  }
}

const SAME_PRESS_MS = 500; // npm hands on a Ctrl-C that the terminal sent us already

function catchInterrupt(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const onSignal = () => {
    if (first > 0 && Date.now() - first > SAME_PRESS_MS) process.exit(EXIT.interrupted);
    first ||= Date.now();
    controller.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return controller.signal;
}

async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
