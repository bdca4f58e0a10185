/** What is fuzzed: sound inputs of each kind, and how ours reads one. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { BadInput } from '../../cli/problem.ts';
import { readRecipe, runId } from '../../cli/recipe-file.ts';
import { Failure } from '../../contracts/failures.ts';
import { decodeImage } from '../../learning/images/decode.ts';
import { openFolder } from '../../learning/images/file-tree.ts';
import { readLabelTable } from '../../learning/images/label-table.ts';
import { readIds } from '../../learning/images/labels.ts';
import { planShards } from '../../learning/images/plan.ts';
import { readShard, readShardIds, writeShard } from '../../learning/images/shards.ts';
import { listSource } from '../../learning/images/sources.ts';
import { UnreadableImage } from '../../learning/images/unreadable.ts';
import { decodeSafetensors, headerEnd } from '../../learning/safetensors.ts';
import { npy } from '../learning/images/npy.ts';
import { mutate } from './mutate.ts';
import { filesIn, images, recipes, soundImages, soundTensors } from './sound.ts';

export type Kind = {
  sound(): Promise<Uint8Array[]>;
  /** What means something in this format. */
  words: string[];
  /** Read one, in a folder that it may write to. */
  read(bytes: Buffer, folder: string): Promise<unknown>;
  /** Whether a rejection is one of ours, that names its reason. */
  isOurs(error: unknown): boolean;
};

const isFailure =
  (...kinds: string[]) =>
  (error: unknown) =>
    error instanceof Failure && kinds.includes(error.kind) && error.message !== '';

/** What a run does with an archive: list it, plan its shards, write some images. */
async function readNpz(file: string): Promise<void> {
  const listing = await listSource(file, 'unlabelled', { openTree: openFolder, seed: 1 });
  const chunk = {
    role: 'pool' as const,
    sources: [listing.access],
    images: ['0', '1'].map((at) => ({ id: at, at, label: -1, source: 0 })),
  };
  await writeShard(chunk, 8, openFolder);
  const images = { train: file, test: file, unlabelled: [], size: 8, evaluationCrop: 1, testFraction: 0.2, setAsideLimit: 0.05 };
  for (const part of (await planShards({ images, seed: 1, openTree: openFolder })).chunks) {
    await writeShard({ ...part, images: part.images.slice(0, 2) }, 8, openFolder);
    break;
  }
}

async function readTensors(bytes: Buffer): Promise<void> {
  try {
    decodeSafetensors(bytes, 'leave out');
    readShardIds(bytes.subarray(0, headerEnd(bytes)), 3);
  } catch (error) {
    if (!isFailure('DataIntegrity')(error) && !(error instanceof Error && error.message.startsWith('Cannot read safetensors as')))
      throw error;
  }
  readShard(bytes);
}

const LABELS = npy(
  '8',
  Uint8Array.from({ length: 8 }, (_, i) => i % 2),
);
const NUMPY_WORDS = [
  'PK\x01\x02',
  'PK\x03\x04',
  'PK\x05\x06',
  'PK\x06\x06',
  'PK\x06\x07',
  '\x93NUMPY\x01\0',
  "'shape': (",
  "'descr': '<i8'",
  '1000000000, ',
  'train_images.npy',
];
const TENSOR_WORDS = [
  '{',
  '}',
  '[',
  '"__metadata__":{"ids":"[]"},',
  '"dtype":"F32",',
  '"shape":[1e9],',
  '"data_offsets":[0,0]',
  '"__proto__":',
  'null',
  ',',
  '-1',
  '1e308',
];

export const KINDS: Record<string, Kind> = {
  image: {
    sound: soundImages,
    words: [
      '\xff\xd8\xff\xe1',
      'IHDR',
      'IDAT',
      'acTL',
      'VP8X',
      'ftypavif',
      'iloc',
      'II*\0',
      'GIF89a',
      '<svg>',
      'Exif\0\0',
      'ICC_PROFILE\0',
    ],
    read: (bytes) => decodeImage(bytes, 8),
    isOurs: (error) => error instanceof UnreadableImage && error.reason.trim() !== '',
  },
  recipe: {
    sound: () => filesIn(recipes, /\.yaml$/),
    words: [
      ...[
        '&a ',
        '*a',
        '<<: *a\n',
        '[',
        '{',
        '- ',
        '? ',
        ': ',
        '!!binary ',
        '!!set ',
        '!!omap ',
        '!x ',
        '%YAML 1.1\n---\n',
        '---\n',
        '...\n',
        '|\n',
        '>-\n',
      ],
      ...[
        '${X}',
        '${X:-*a}',
        '.nan',
        '-.inf',
        '1e400',
        '0x1',
        '__proto__: 1\n',
        'constructor: 1\n',
        '"',
        "'",
        '\t',
        '\0',
        '\ud800',
        '\u2028',
        '#',
        '\r',
      ],
      ...[
        'labels:\n',
        'pretrain:\n',
        'epochs: ',
        'fractions: [',
        'unlabelled: [',
        '{generated: shapes, perClass: 1e9}',
        'null',
        '~',
        '\n  ',
        '\n',
      ],
    ],
    async read(bytes, folder) {
      const file = join(folder, 'recipe.yaml');
      await writeFile(file, bytes);
      runId(await readRecipe(file, { X: '[1, &a *a]', FEWLABELS_DATA: folder }));
    },
    isOurs: (error) => error instanceof BadInput && error.mistakes.length > 0 && error.mistakes.every((line) => line.trim() !== ''),
  },
  table: {
    sound: async () =>
      [
        'file,label\na.png,cat\nb.png,"dog, large"\n./c.png,\n',
        '\ufefffile;label;note\r\na.png;x;"say ""yes"""\r\n',
        'label\tfile\nx\ta.png\n',
      ].map((text) => Buffer.from(text)),
    words: [
      '"',
      '""',
      ',',
      ';',
      '\t',
      '\n',
      '\r\n',
      '\r',
      '../../etc/passwd',
      '__proto__',
      '=1+1',
      '\0',
      '\ufeff',
      'file',
      'label',
      'a.png',
      ' ',
      '\u2028',
      '#',
    ],
    async read(bytes, folder) {
      const file = join(folder, 'ids.txt');
      await writeFile(file, bytes);
      await readIds(file, openFolder).catch((error: unknown) => {
        if (!isFailure('InvalidImages')(error)) throw error;
      });
      readLabelTable('labels.csv', bytes.toString('utf8'), new Set(['a.png', 'b.png', 'c.png']));
    },
    isOurs: isFailure('InvalidImages'),
  },
  npy: {
    sound: async () => [npy('8, 3, 2', new Uint8Array(48)), npy('4, 2, 2, 3', new Uint8Array(48)), npy('48,', new Uint8Array(48))],
    words: NUMPY_WORDS,
    async read(bytes, folder) {
      const file = join(folder, 'images.npz');
      const arrays = { 'train_images.npy': bytes, 'test_images.npy': bytes, 'train_labels.npy': LABELS, 'test_labels.npy': LABELS };
      await writeFile(file, zipSync(arrays, { level: bytes.length % 2 ? 9 : 0 }));
      await readNpz(file);
    },
    isOurs: isFailure('InvalidImages'),
  },
  npz: {
    async sound() {
      const labels = (count: number) =>
        npy(
          String(count),
          Uint8Array.from({ length: count }, (_, i) => i % 2),
        );
      const arrays = {
        'train_images.npy': npy(
          '8, 3, 2',
          Uint8Array.from({ length: 48 }, (_, i) => i),
        ),
        'train_labels.npy': labels(8),
        'test_images.npy': npy('4, 3, 2', new Uint8Array(24)),
        'test_labels.npy': labels(4),
      };
      return [...(await filesIn(images, /\.npz$/)), zipSync(arrays, { level: 0 }), zipSync(arrays, { level: 9 })];
    },
    words: NUMPY_WORDS,
    async read(bytes, folder) {
      const file = join(folder, 'images.npz');
      await writeFile(file, bytes);
      await readNpz(file);
    },
    isOurs: isFailure('InvalidImages'),
  },
  safetensors: {
    sound: soundTensors,
    words: TENSOR_WORDS,
    read: readTensors,
    isOurs: isFailure('DataIntegrity'),
  },
  // Deeper: a broken header that the file around it fits.
  header: {
    sound: async () => (await soundTensors()).map((bytes) => bytes.subarray(8, headerEnd(bytes))),
    words: TENSOR_WORDS,
    async read(bytes) {
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(bytes.length));
      await readTensors(Buffer.concat([length, bytes, Buffer.alloc(48)])); // the data of a shard of three
    },
    isOurs: isFailure('DataIntegrity'),
  },
};

export function kindOf(name: string): Kind {
  const kind = KINDS[name];
  if (!kind) throw new Error(`Cannot fuzz "${name}" as a kind is one of ${Object.keys(KINDS).join(', ')}`);
  return kind;
}

const soundInputs = new Map<string, Uint8Array[]>();

/** The broken input of a number and its kind: kinds take turns, and the sound inputs of each. */
export async function inputOf(
  { seed, kinds }: { seed: number; kinds: string[] },
  number: number,
): Promise<{ kind: string; bytes: Buffer }> {
  const name = kinds[number % kinds.length] ?? '';
  const { sound, words } = kindOf(name);
  const all = soundInputs.get(name) ?? (await sound());
  soundInputs.set(name, all);
  return { kind: name, bytes: mutate(all[Math.floor(number / kinds.length) % all.length] ?? Buffer.alloc(0), words, seed, number) };
}
