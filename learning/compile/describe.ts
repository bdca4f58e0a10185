/** A graph for people: one line an op, in the order in which it was recorded. */
import { type Attribute, constantOf, DTYPE, type Graph, type Node } from './graph.ts';

const NAMES = Object.fromEntries(Object.entries(DTYPE).map(([name, dtype]) => [dtype, name]));

/** `name = Op(inputs) {attributes}`; then what comes out, and how often each op occurs. */
export function describe({ nodes, ends }: Graph): string {
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  const often = [...counts].sort(([a, m], [b, n]) => n - m || a.localeCompare(b));
  return [
    ...nodes.map(line),
    '',
    ...Object.entries(ends).map(([name, end]) => `${name} <- ${typeof end === 'string' ? end : end.input}`),
    '',
    `${nodes.length} ops: ${often.map(([op, count]) => `${op} ${count}`).join(', ')}`,
    '',
  ].join('\n');
}

function line(node: Node): string {
  const attributes = node.op === 'Const' ? valueText(node) : attributesText(node.attributes);
  return `${node.name} = ${node.op}(${node.inputs.join(', ')})${attributes ? ` {${attributes}}` : ''}`;
}

const attributesText = (attributes: Record<string, Attribute>) =>
  Object.entries(attributes)
    .map(([name, attribute]) => `${name}: ${attributeText(attribute)}`)
    .join(', ');

function attributeText(attribute: Attribute): string {
  const [kind, value] = Object.entries(attribute)[0] ?? [];
  if (kind === 'type') return NAMES[value as number] ?? `DataType ${value}`;
  if (kind === 'shape') return shapeText((value as { dim: { size: number }[] }).dim.map(({ size }) => size));
  if (kind === 's') return `"${Buffer.from(value as Uint8Array).toString()}"`;
  if (kind === 'list') return `[${Object.values(value as object).flat()}]`;
  return String(value);
}

const SHOWN = 8;
const shapeText = (shape: number[]) => `[${shape.map((side) => (side < 0 ? 'any' : side))}]`;

/** Dtype, shape and the first values of a constant. */
function valueText(node: Node): string {
  const { dtype, shape, values } = constantOf(node);
  const more = values.length > SHOWN ? ', …' : '';
  return `${NAMES[dtype] ?? dtype} ${shapeText(shape)}: ${values.slice(0, SHOWN).join(', ')}${more}`;
}
