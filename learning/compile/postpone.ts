/**
 * Ops that look at the state alone, such as m·v of a momentum, could run before all others, and TensorFlow does run them first: for
 * ResNet-18, 90 MB that lie about until the gradients come. Here each of them waits for what it is combined with.
 */
import { type Graph, type Node, nodeOf } from './graph.ts';

/**
 * The same graph, in which what depends on the state alone and is used once comes right before its use.
 * @param state  names of the inputs that are state
 */
export function postpone(graph: Graph, state: string[]): Graph {
  const { nodes, inputs, ends } = graph;
  const users = usersOf(nodes);
  const early = earlyOnes(nodes, new Set(state.map((name) => inputs[name]!)));
  const results = new Set(Object.values(ends).flatMap((end) => (typeof end === 'string' ? [nodeOf(end)] : [])));
  const waitsFor = new Map<string, string>();
  for (const { name, op } of nodes.toReversed()) {
    const [user, ...others] = users.get(name) ?? [];
    if (!early.has(name) || SOURCES.has(op) || !user || others.length > 0 || results.has(name)) continue;
    const awaited = user.inputs.map(nodeOf).find((other) => !early.has(other)) ?? waitsFor.get(user.name);
    if (awaited) waitsFor.set(name, awaited);
  }
  return { ...graph, nodes: reordered(nodes, users, waitsFor) };
}

/** They take no memory of their own. */
const SOURCES = new Set(['Placeholder', 'Const']);

function usersOf(nodes: Node[]): Map<string, Node[]> {
  const users = new Map<string, Node[]>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs.map(nodeOf))) users.set(input, [...(users.get(input) ?? []), node]);
  }
  return users;
}

/** Names of the nodes that need no input but state. */
function earlyOnes(nodes: Node[], state: Set<string>): Set<string> {
  const early = new Set<string>();
  for (const { name, op, inputs } of nodes) {
    const isEarly = op === 'Placeholder' ? state.has(name) : inputs.every((input) => early.has(nodeOf(input)));
    if (isEarly) early.add(name);
  }
  return early;
}

/** Every waiting node right before its only user, so that the order stays one in which all can run. */
function reordered(nodes: Node[], users: Map<string, Node[]>, waitsFor: Map<string, string>): Node[] {
  const before = new Map<string, Node[]>();
  const stay: Node[] = [];
  for (const node of nodes) {
    const awaited = waitsFor.get(node.name);
    const user = users.get(node.name)?.[0]?.name ?? '';
    if (awaited) before.set(user, [...(before.get(user) ?? []), { ...node, inputs: [...node.inputs, `^${awaited}`] }]);
    else stay.push(node);
  }
  const withThose = (node: Node): Node[] => [...(before.get(node.name) ?? []).flatMap(withThose), node];
  return stay.flatMap(withThose);
}
