/** `fewlabels export RUN` */
import { rename, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Architecture } from '../../contracts/trainer.ts';
import { toPytorch } from '../../learning/interchange.ts';
import { decodeSafetensors, encodeSafetensors, type SafetensorsFile } from '../../learning/safetensors.ts';
import { modelBytes } from '../model-file.ts';
import type { Taken } from '../outcome.ts';
import { BadInput } from '../problem.ts';
import type { Context } from '../terminal.ts';

export type ExportOptions = { what: Taken; names: 'pytorch' | 'fewlabels'; output?: string; out: string };

/** Write a model for use elsewhere and print its path. */
export async function exportModel({ terminal, ...context }: Context, model: string, options: ExportOptions): Promise<void> {
  const { what, names } = options;
  const bytes = await modelBytes({ terminal, ...context }, what, model, options.out);
  const exported = exportedAs(names, bytes, model);
  const file = resolve(options.output ?? `${what}-${names}.safetensors`);
  const partial = `${file}.${process.pid}.partial`;
  try {
    await writeFile(partial, exported);
    await rename(partial, file);
  } catch (error) {
    throw new BadInput(`Cannot write the ${what} as "${file}" must be a file that can be written: ${(error as Error).message}`);
  }
  terminal.print(file);
}

const INPUT = 'float32 RGB from 0 to 1, [B, 3, size, size]';
const NORMALISED = `${INPUT}; the network of docs/pytorch.py normalises it, torchvision's own want it minus ImageNet's mean, divided by its standard deviation`;

/** As it is, or the same weights under PyTorch's names; what one must know to use them stays in the metadata. */
function exportedAs(names: ExportOptions['names'], bytes: Buffer, model: string): Uint8Array {
  const { tensors, metadata, encoder } = decoded(bytes, model);
  if (names === 'fewlabels') return bytes;
  const { kind: _kind, ...known } = metadata;
  const input = encoder.colours === 'torchvision' ? NORMALISED : INPUT;
  return encodeSafetensors(toPytorch(tensors), { format: 'pt', input, ...known });
}

function decoded(bytes: Buffer, model: string): SafetensorsFile & Pick<Architecture, 'encoder'> {
  const refuse = (reason: string) => new BadInput(`Cannot export "${model}" as it must be a model of fewlabels: ${reason}`);
  try {
    const file = decodeSafetensors(bytes);
    const architecture = JSON.parse(file.metadata.architecture ?? 'null') as Architecture | null;
    if (architecture?.encoder) return { ...file, encoder: architecture.encoder };
  } catch (error) {
    throw refuse((error as Error).message);
  }
  throw refuse('it does not say what its network is');
}
