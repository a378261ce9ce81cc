"""Memory and time to read a VGG-16-shaped ONNX file of random weights, 553 MB, beside another revision.

    python -m benchmarks.bench_onnx [REV]

The file is made once, in a temporary folder or at --file: as PyTorch writes it, and with --products as TensorFlow's
converter does, its fully connected layers as matrix products and sums. Memory is the process's most (ru_maxrss), the
interpreter and its libraries included; seconds are of processor time, the least of several runs that take turns,
imports left out.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent
RUNS = 3
SEED = 1
CHANNELS = [(64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)]
FULLY_CONNECTED = [(25088, 4096), (4096, 4096), (4096, 1000)]
# Runs in either tree.
READER = """
import json, resource, sys, time
from pathlib import Path
import onnx, onnx.reference
from sw.formats.network_file import load_network

def most():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before, start = most(), time.process_time()
network = load_network(Path(sys.argv[1]))
seconds = time.process_time() - start
total = float(sum(abs(layer.weight[-1]).sum(dtype="f8") for layer in network.layers))
print(json.dumps({"seconds": seconds, "bytes": most(), "bytes_before": before, "sum": total}))
"""


def write_model(path: Path, products: bool) -> None:
    """VGG-16 with weights of a normal distribution."""
    random = np.random.default_rng(SEED)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    value, count = "x", 0

    def constant(name: str, *shape: int) -> str:
        numbers = random.standard_normal(shape, np.float32) * np.float32(0.01)
        constants.append(numpy_helper.from_array(numbers, name))
        return name

    def node(operator: str, *inputs: str, **attributes: Any) -> None:
        nonlocal value, count
        count += 1
        made = helper.make_node(operator, [value, *inputs], [f"v{count}"], name=f"n{count}", **attributes)
        nodes.append(made)
        value = f"v{count}"

    before = 3
    for block, group in enumerate(CHANNELS):
        for place, channels in enumerate(group):
            name = f"conv{block}_{place}"
            weight = constant(f"{name}.weight", channels, before, 3, 3)
            node("Conv", weight, constant(f"{name}.bias", channels), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            node("Relu")
            before = channels
        node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    node("Flatten", axis=1)
    for place, (inputs, outputs) in enumerate(FULLY_CONNECTED):
        shape = (inputs, outputs) if products else (outputs, inputs)
        weight, bias = constant(f"fc{place}.weight", *shape), constant(f"fc{place}.bias", outputs)
        if products:
            node("MatMul", weight)
            node("Add", bias)
        else:
            node("Gemm", weight, bias, transB=1)
        if place < len(FULLY_CONNECTED) - 1:
            node("Relu")
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "vgg16",
        [helper.make_tensor_value_info("x", kind, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info(value, kind, ["n", 1000])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))


def read(path: Path, tree: Path) -> dict[str, float]:
    """Figures of one process of a tree."""
    command = [sys.executable, "-c", READER, str(path)]
    done = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(path: Path, trees: dict[str, Path]) -> dict[str, object]:
    """By revision the least seconds and bytes, and how many times the file's these are."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(RUNS):
        for name, tree in trees.items():
            found[name].append(read(path, tree))
    size = path.stat().st_size
    sums = {each["sum"] for runs in found.values() for each in runs}
    if len(sums) > 1:
        raise SystemExit(f"the revisions read different weights: {sums}")
    figures: dict[str, object] = {"file_bytes": size}
    for name, runs in found.items():
        most = min(each["bytes"] for each in runs)
        figures[name] = {
            "seconds": round(min(each["seconds"] for each in runs), 3),
            "bytes": int(most),
            "bytes_before": int(min(each["bytes_before"] for each in runs)),
            "of_file": round(most / size, 3),
        }
    return figures


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("revision", nargs="?")
    parser.add_argument("--file", type=Path, help="where the model is, or is written if it is missing")
    parser.add_argument("--products", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-onnx-") as temporary:
        path: Path = options.file or Path(temporary) / "vgg16.onnx"
        if not path.exists():
            # Elsewhere: the most memory of a process counts for those that it starts.
            writer = multiprocessing.get_context("spawn").Process(target=write_model, args=(path, options.products))
            writer.start()
            writer.join()
        trees = {"here": ROOT}
        if options.revision is None:
            print(json.dumps(measure(path, trees), indent=2))
            return
        tree = trees[options.revision] = Path(temporary) / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", "-f", str(tree), options.revision], cwd=ROOT, check=True)
        try:
            print(json.dumps(measure(path, trees), indent=2))
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
