/** The import rule: who may import whom, and what no folder may do. `violations` says which lines break it and why. */
import { posix } from 'node:path';

export type SourceFile = { path: string; text: string };
export type Import = { specifier: string; typeOnly: boolean; dynamic: boolean; names: string[] };

type Rule = {
  /** Folders whose values may be imported. */
  values?: string[];
  /** Folders of which only types may be imported. */
  types?: string[];
  /** Folders of which types, constants, schemas and classes may be imported, but no functions. */
  words?: string[];
  /** Folders that may be loaded by `import()`. */
  dynamic?: string[];
  /** Packages and Node modules: those allowed, or those forbidden. */
  packages?: { only: string[] } | { never: RegExp };
  reason: string;
};

const SERVICES =
  /^(@temporalio\/|(minio|undici|ws|axios|got|node-fetch)$|(node:)?(net|http|https|http2|tls|dgram|dns|inspector)(\/promises)?$)/;
const NETWORK = /\b(fetch|WebSocket|EventSource|XMLHttpRequest)\s*\(/;

/** The most telling folder wins: `workers/trainer.ts` before `workers`. */
const RULES: Record<string, Rule> = {
  contracts: { packages: { only: ['zod'] }, reason: 'contracts are loaded on both sides of the workflow sandbox: zod and contracts only' },
  recipes: { values: ['contracts'], reason: 'recipes are settings' },
  learning: {
    words: ['contracts'],
    packages: { never: SERVICES },
    reason: 'learning knows nothing of Temporal, S3, the network, the clock or the environment',
  },
  store: {
    words: ['contracts'],
    types: ['learning'],
    packages: { never: /^@temporalio\// },
    reason: 'store is named bytes: words of contracts and types of learning only',
  },
  report: { words: ['contracts'], packages: { never: SERVICES }, reason: 'report is pure functions over scores' },
  activities: {
    values: ['learning', 'store', 'report', 'contracts', 'infra/local/processes.ts'],
    reason: 'activities fetch, compute and publish',
  },
  workflows: {
    values: ['contracts'],
    types: ['activities'],
    packages: { only: ['@temporalio/workflow'] },
    reason: 'workflows are deterministic: contracts, @temporalio/workflow and types of activities only',
  },
  'workers/trainer.ts': {
    values: ['learning', 'contracts', 'workers/hardware.ts'],
    packages: { never: SERVICES },
    reason: 'the trainer sees its scratch folder only: learning, contracts and what its machine can do',
  },
  workers: {
    values: ['activities', 'store', 'contracts', 'infra/temporal'],
    reason: 'workers register and run; workflows by path only, learning in the trainer only',
  },
  cli: {
    values: ['contracts', 'recipes', 'store', 'report', 'learning', 'infra/local', 'infra/temporal'],
    types: ['workflows'],
    dynamic: ['workers'],
    reason:
      'the command line is a client: contracts, recipes, store, report, learning, infra/local, infra/temporal; types of workflows; workers by import()',
  },
  'infra/local': {
    values: ['contracts', 'store', 'infra/setup', 'infra/temporal'],
    reason: 'infra/local starts servers and workers: contracts, store, infra/setup, infra/temporal',
  },
  'infra/temporal': { values: ['contracts'], reason: 'infra/temporal is how a Temporal server is reached: contracts only' },
  'infra/setup': { packages: { only: ['node:'] }, reason: 'set-up runs before any package is there' },
  test: { values: ['*'], reason: '' },
  bench: { values: ['*'], reason: '' },
};

const ENTRY_POINTS =
  /^(workers\/[^/]+\.ts|cli\/(fewlabels|main)\.(js|ts)|infra\/local\/supervisor\.ts|infra\/setup\/.*|test\/.*|bench\/.*|[^/]+)$/;
const CLOCK = /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b|\bprocess\.hrtime\b/;
const EMPTY_NAMES = /^(utils?|helpers?|libs?|managers?|misc|common)(\.|$)|[-_.](utils?|helpers?|manager)\./i;
export const LONGEST_FILE = 300;

/** Everything that a file loads from this repository, itself included, by static imports of values and by `import()`. */
export function loadedBy(path: string, files: SourceFile[]): SourceFile[] {
  const texts = new Map(files.map((file) => [file.path, file]));
  const [found, open] = [new Set<SourceFile>(), [path]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const file = texts.get(next);
    if (file === undefined || found.has(file)) continue;
    found.add(file);
    for (const { specifier, typeOnly } of importsIn(withoutComments(file.text)))
      if (specifier.startsWith('.') && !typeOnly) open.push(posix.join(posix.dirname(next), specifier));
  }
  return [...found];
}

/** What a file imports of packages and Node that talks to others over a network. */
export const servicesIn = ({ text }: SourceFile): string[] =>
  importsIn(withoutComments(text)).flatMap(({ specifier, typeOnly }) => (!typeOnly && SERVICES.test(specifier) ? [specifier] : []));

/** One line for each broken rule, with file, edge and reason. */
export function violations(files: SourceFile[]): string[] {
  return files.flatMap((file) => {
    const code = withoutComments(file.text);
    return [
      ...badName(file),
      ...tooLong(file),
      ...forbiddenReads(file, code),
      ...importsIn(code).flatMap((edge) => badEdge(file.path, edge)),
    ];
  });
}

function badEdge(from: string, { specifier, typeOnly, dynamic, names }: Import): string[] {
  const zone = zoneOf(from);
  const rule = zone === undefined ? undefined : RULES[zone];
  if (zone === undefined || rule === undefined) return [];
  const broken = (reason: string) => [`${from} → ${specifier}: ${reason}`];
  if (!specifier.startsWith('.')) return packageAllowed(rule, specifier) || typeOnly ? [] : broken(rule.reason);

  const to = posix.join(posix.dirname(from), specifier);
  const target = zoneOf(to) ?? topOf(to);
  if (topOf(to) === 'test' && topOf(from) !== 'test' && topOf(from) !== 'bench') return broken('nothing imports test');
  if (target === zone || rule.values?.includes('*') || rule.values?.some((folder) => inside(to, folder))) return [];
  if (typeOnly && [...(rule.types ?? []), ...(rule.words ?? [])].some((folder) => inside(to, folder))) return [];
  if (dynamic && rule.dynamic?.some((folder) => inside(to, folder))) return [];
  if (rule.words?.some((folder) => inside(to, folder))) {
    const functions = names.filter((name) => !/^[A-Z]/.test(name));
    return functions.length === 0 ? [] : broken(`${rule.reason}; "${functions.join(', ')}" is neither type nor constant`);
  }
  return broken(rule.reason);
}

function packageAllowed({ packages }: Rule, specifier: string): boolean {
  if (packages === undefined) return true;
  if ('never' in packages) return !packages.never.test(specifier);
  return packages.only.some((name) => specifier === name || specifier.startsWith(name.endsWith(':') ? name : `${name}/`));
}

function forbiddenReads({ path }: SourceFile, code: string): string[] {
  const found: string[] = [];
  if (/\bprocess\.env\b/.test(code) && !ENTRY_POINTS.test(path))
    found.push(`${path} → process.env: only entry points read the environment; pass the value in`);
  if (topOf(path) === 'learning' && CLOCK.test(code)) found.push(`${path} → the clock: ${RULES.learning?.reason}`);
  if ((topOf(path) === 'learning' || path === 'workers/trainer.ts') && NETWORK.test(code))
    found.push(`${path} → the network: ${RULES['workers/trainer.ts']?.reason}`);
  return found;
}

function badName({ path }: SourceFile): string[] {
  const name = path.split('/').find((part) => EMPTY_NAMES.test(part));
  return name === undefined ? [] : [`${path}: "${name}" says nothing; name what is inside`];
}

function tooLong({ path, text }: SourceFile): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > LONGEST_FILE ? [`${path}: ${lines} lines, at most ${LONGEST_FILE}`] : [];
}

const inside = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
const topOf = (path: string) => path.split('/')[0] ?? '';

function zoneOf(path: string): string | undefined {
  return Object.keys(RULES)
    .filter((zone) => inside(path, zone))
    .sort((a, b) => b.length - a.length)[0];
}

/** Comments become blanks; strings stay, so that `'https://…'` is not cut. */
function withoutComments(text: string): string {
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return text.replace(tokens, (_, quoted: string | undefined) => quoted ?? ' ');
}

/** Every import, re-export and `import()` with a literal name. An import of names that all say `type` still loads the module. */
export function importsIn(code: string): Import[] {
  const found: Import[] = [];
  const statements =
    /(?:^|[\n;])\s*(?:import\s+(type\s+)?([\w$*{},\s]+?)\s+from|export\s+(type\s+)?(\{[^}]*\}|\*(?:\s+as\s+[\w$]+)?)\s*from|import)\s*['"]([^'"\n]+)['"]/g;
  for (const [, importType, imported, exportType, exported, specifier = ''] of code.matchAll(statements)) {
    found.push({ specifier, typeOnly: Boolean(importType ?? exportType), dynamic: false, names: valueNames(imported ?? exported ?? '') });
  }
  for (const [, specifier = ''] of code.matchAll(/\bimport\(\s*['"]([^'"\n]+)['"]\s*\)/g))
    found.push({ specifier, typeOnly: false, dynamic: true, names: ['import()'] });
  return found;
}

/** Names that arrive as values, as their module calls them; a whole module counts as a function. */
function valueNames(clause: string): string[] {
  const [, before = '', braces = ''] = /^([^{]*)(?:\{([^}]*)\})?/.exec(clause) ?? [];
  const whole = before.split(',').map((part) => part.trim());
  const named = braces.split(',').map((part) => part.trim().split(/\s+as\s+/)[0] ?? '');
  return [...whole.filter(Boolean).map(() => 'the whole module'), ...named.filter((name) => name !== '' && !name.startsWith('type '))];
}
