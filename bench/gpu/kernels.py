"""Which ops of a recipe's steps TensorFlow could not run on a GPU: `kernels.py GRAPHS...`, the .pb files of `npx fewlabels doctor --graph RECIPE`.

Needs no GPU, but PyPI's `tensorflow` (not `tensorflow-cpu`, which has no kernels for GPUs). A kernel for the GPU may want some of its inputs,
shapes mostly, in the host's memory.
"""

import sys

from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import dtypes, kernels

registered = kernels.get_all_registered_kernels().kernel


def kernel_of(op: str, types: dict[str, int]):
    """The kernel for GPUs, or None."""
    for kernel in registered:
        fits = all(rule.name not in types or types[rule.name] in rule.allowed_values.list.type for rule in kernel.constraint)
        if kernel.op == op and kernel.device_type in ("GPU", "DEFAULT") and fits:
            return kernel
    return None


found: dict[tuple[str, tuple[tuple[str, int], ...]], str] = {}
for path in sys.argv[1:]:
    graph = graph_pb2.GraphDef()
    with open(path, "rb") as file:
        graph.ParseFromString(file.read())
    for node in graph.node:
        types = {name: value.type for name, value in node.attr.items() if value.WhichOneof("value") == "type"}
        found.setdefault((node.op, tuple(sorted(types.items()))), path)

missing = 0
for (op, types), path in sorted(found.items()):
    kernel = kernel_of(op, dict(types))
    what = f"{op} of {', '.join(dtypes.as_dtype(value).name for _, value in types)}"
    if kernel is None:
        missing += 1
        print(f"{what} has no kernel for GPUs: {path}")
    elif kernel.host_memory_arg:
        print(f"{what}: on the host: {', '.join(kernel.host_memory_arg)}")
print(f"{len(found)} ops and dtypes, {missing} without a kernel for GPUs")
sys.exit(1 if missing else 0)
