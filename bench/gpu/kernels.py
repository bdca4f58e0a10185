"""Which ops of a recipe's steps TensorFlow could not run on a GPU: `kernels.py GRAPHS...`, the .pb files of `npx fewlabels doctor --graph RECIPE`.

Needs no GPU, but PyPI's `tensorflow` (not `tensorflow-cpu`, which has no kernels for GPUs). A kernel for the GPU may want some of its inputs,
shapes mostly, in the host's memory.
"""

import sys

from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import dtypes, kernels

registered = kernels.get_all_registered_kernels().kernel


def runs_on_gpu(op: str, types: dict[str, int]) -> bool:
    return any(
        kernel.op == op
        and kernel.device_type in ("GPU", "DEFAULT")
        and all(rule.name not in types or types[rule.name] in rule.allowed_values.list.type for rule in kernel.constraint)
        for kernel in registered
    )


found: dict[tuple[str, tuple[tuple[str, int], ...]], str] = {}
for path in sys.argv[1:]:
    graph = graph_pb2.GraphDef()
    with open(path, "rb") as file:
        graph.ParseFromString(file.read())
    for node in graph.node:
        types = {name: value.type for name, value in node.attr.items() if value.WhichOneof("value") == "type"}
        found.setdefault((node.op, tuple(sorted(types.items()))), path)

missing = [(op, types, path) for (op, types), path in found.items() if not runs_on_gpu(op, dict(types))]
for op, types, path in missing:
    print(f"{op} of {', '.join(dtypes.as_dtype(value).name for _, value in types)} has no kernel for GPUs: {path}")
print(f"{len(found)} ops and dtypes, {len(missing)} without a kernel for GPUs")
sys.exit(1 if missing else 0)
