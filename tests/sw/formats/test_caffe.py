"""sw/formats/caffe.py: graphs from Caffe's descriptions, and what they refuse by name."""

from pathlib import Path

import numpy as np
import pytest

from model.errors import EieError
from sim.mnist import load_mnist
from sw.formats.caffe import parse_caffe
from sw.formats.network_file import load_graph, load_network
from sw.network.graph import ApplyLayer, Concatenate, Convolution, Flatten, Node, Pool, Relu

INPUT = 'input: "data" input_dim: 1 input_dim: 4 input_dim: 9 input_dim: 8\n'
LENET_5 = """
layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 64 dim: 1 dim: 28 dim: 28 } } }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 }
        convolution_param { num_output: 20 kernel_size: 5 stride: 1 weight_filler { type: "xavier" } } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1"
        pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2"
        convolution_param { num_output: 50 kernel_h: 5 kernel_w: 5 } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2"
        pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1" inner_product_param { num_output: 500 } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2" inner_product_param { num_output: 10 } }
layer { name: "prob" type: "Softmax" bottom: "ip2" top: "prob" }
"""


def one_layer(kind: str, *params: str, top: str = "x", bottom: str = "data") -> str:
    return f'layer {{ name: "x" type: "{kind}" bottom: "{bottom}" top: "{top}" {" ".join(params)} }}\n'


def convolution(params: str) -> str:
    return INPUT + one_layer("Convolution", f"convolution_param {{ {params} }}")


def pooling(params: str) -> str:
    return convolution("num_output: 2 kernel_size: 1") + one_layer(
        "Pooling", f"pooling_param {{ {params} }}", bottom="x", top="y"
    )


def test_lenet_5():
    connections = parse_caffe(LENET_5)
    assert [(use.name, use.relu, use.shape) for use in connections.uses] == [
        ("conv1", False, (20, 1, 5, 5)),
        ("conv2", False, (50, 20, 5, 5)),
        ("ip1", True, (500, 800)),
        ("ip2", False, (10, 500)),
    ]
    pool = Pool(kind="max", kernel=(2, 2), stride=(2, 2), ceil=True)
    operations = (ApplyLayer(), pool, ApplyLayer(), pool, Flatten(), ApplyLayer(), ApplyLayer())
    assert connections.graph is not None
    assert connections.graph.nodes == tuple(Node(operation, (k,)) for k, operation in enumerate(operations))


def test_lenet_5_reads_digits(data_folder: Path, tmp_path: Path):
    graph = tmp_path / "lenet_5.prototxt"
    graph.write_text(LENET_5)
    network = load_network(data_folder / "lenet" / "lenet_5.safetensors", graph)
    images, labels = load_mnist(data_folder / "mnist", "t10k")
    assert np.mean(network.forward(images[:2000]).argmax(axis=1) != labels[:2000]) < 0.02


def test_branches_in_place_relus_and_joins():
    text = INPUT + "".join(
        [
            one_layer("Convolution", "convolution_param { num_output: 6 kernel_size: 3 pad: 1 group: 2 }", top="a"),
            one_layer("ReLU", bottom="a", top="a").replace('"x"', '"r"'),
            one_layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 }", bottom="a", top="b").replace(
                'name: "x"', 'name: "left"'
            ),
            one_layer("ReLU", bottom="b", top="c"),
            'layer { type: "Concat" bottom: "c" bottom: "a" bottom: "b" top: "d" concat_param { axis: 1 } }',
            one_layer("Dropout", "dropout_param { dropout_ratio: 0.5 }", bottom="d", top="d"),
            one_layer("Pooling", "pooling_param { pool: AVE global_pooling: true }", bottom="d", top="e"),
        ]
    )
    connections = parse_caffe(text)
    grouped = Convolution(padding=(1, 1, 1, 1), groups=2)
    assert [(use.name, use.relu, use.convolution) for use in connections.uses] == [
        ("x", True, grouped),
        # Its result is also joined as it is, so its ReLU is an operation.
        ("left", False, Convolution()),
    ]
    assert connections.graph is not None
    assert connections.graph.nodes == (
        Node(ApplyLayer(), (0,)),
        Node(ApplyLayer(), (1,)),
        Node(Relu(), (2,)),
        Node(Concatenate(), (3, 1, 2)),
        Node(Pool(kind="average", kernel=(9, 8), stride=(1, 1)), (4,)),
    )


def test_chains_have_no_graph():
    text = 'input: "data" input_shape { dim: 1 dim: 7 }' + one_layer(
        "InnerProduct", "inner_product_param { num_output: 3 }"
    )
    connections = parse_caffe(text + one_layer("ReLU", bottom="x"))
    assert connections.graph is None
    assert [(use.name, use.relu, use.shape) for use in connections.uses] == [("x", True, (3, 7))]


def test_layers_as_they_were_written_once():
    text = LENET_5.replace("layer {", "layers {").replace('"ReLU"', "RELU").replace('"InnerProduct"', "INNER_PRODUCT")
    text = text.replace('"Pooling"', "POOLING").replace('"Convolution"', "CONVOLUTION").replace('"Softmax"', "SOFTMAX")
    assert parse_caffe(text) == parse_caffe(LENET_5)


def test_sizes_of_each_axis():
    connections = parse_caffe(convolution("num_output: 2 kernel_size: 3 kernel_size: 2 stride_h: 2 stride_w: 1 pad: 1"))
    assert connections.uses[0].shape == (2, 4, 3, 2)
    assert connections.uses[0].convolution == Convolution(stride=(2, 1), padding=(1, 1, 1, 1))


@pytest.mark.parametrize(("mode", "ceil"), [("", True), ("round_mode: CEIL", True), ("round_mode: FLOOR", False)])
def test_windows_are_rounded_up(mode: str, ceil: bool):
    connections = parse_caffe(pooling(f"kernel_size: 2 stride: 2 {mode}"))
    assert connections.graph is not None
    assert connections.graph.nodes[1].operation == Pool(kind="max", kernel=(2, 2), stride=(2, 2), ceil=ceil)


LAYER = one_layer("InnerProduct", "inner_product_param { num_output: 3 }")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the network must have one input, got 0"),
        (LAYER, "the network must have one input, got 0"),
        (INPUT + 'input: "more"' + LAYER, "the file: input must be there once, got 2 values"),
        ('input: "data" input_dim: 3\n' + LAYER, r"the input must have 2 or 4 sizes, .*, got \[3\]"),
        (INPUT + "state { phase: TEST }" + LAYER, "the file: state is not supported"),
        (INPUT + one_layer("LRN"), "layer x: type 'LRN' is not supported; known are Input, Convolution"),
        (INPUT + one_layer("Eltwise"), "layer x: type 'Eltwise' is not supported"),
        (INPUT + one_layer("InnerProduct", bottom="y"), "layer x: bottom must be the top of a layer before, got 'y'"),
        (INPUT + one_layer("ReLU", 'bottom: "data"'), "layer x: ReLU must have one top and one bottom, got 1, 2"),
        (
            INPUT + one_layer("ReLU", "relu_param { negative_slope: 0.1 }"),
            "relu_param: negative_slope must be 0, got '0.1'",
        ),
        (INPUT + one_layer("Flatten", "include { phase: TEST }"), "layer x: include is not supported"),
        (INPUT + one_layer("Flatten", "flatten_param { axis: 2 }"), "flatten_param: axis must be 1, got '2'"),
        (INPUT + one_layer("Concat", "concat_param { axis: 2 }"), "concat_param: axis must be 1, got '2'"),
        (convolution("num_output: 2"), "it must have kernel_size, or kernel_h and kernel_w, got 0 sizes"),
        (convolution("num_output: 2 kernel_size: 1 kernel_size: 1 kernel_size: 1"), "got 3 sizes"),
        (convolution("num_output: 2 kernel_size: 1 kernel_h: 1"), "got 2 sizes|got 3 sizes"),
        (convolution("num_output: 2 kernel_size: 3 dilation: 2"), "convolution_param: dilation must be 1, got '2'"),
        (convolution("num_output: 2 kernel_size: 3 bias_term: false"), "bias_term must be true, got 'false'"),
        (convolution("num_output: 2 kernel_size: 3 deform: 2"), "convolution_param: deform is not supported"),
        (convolution("num_output: 2 kernel_size: 3 group: 3"), "group must divide its 4 input channels, got 3"),
        (convolution("num_output: 2 kernel_size: 3 group: 0"), "group must divide its 4 input channels, got 0"),
        (convolution("num_output: 0 kernel_size: 3"), "not be empty"),
        (convolution("num_output: 9999999999 kernel_size: 3"), "it must have 1 to 1048576 outputs"),
        (convolution("num_output: 2 kernel_size: 99"), "a window of 99 x 99 must fit into its input"),
        (convolution("num_output: 2 kernel_size: 3 stride: 0"), "stride must be between 1 and 4095"),
        (pooling("kernel_size: 2 pool: STOCHASTIC"), "layer x: pool must be MAX or AVE, got 'STOCHASTIC'"),
        (pooling("kernel_size: 2 round_mode: UP"), "layer x: round_mode must be CEIL or FLOOR, got 'UP'"),
        (pooling("global_pooling: true kernel_size: 2"), "pooling_param: kernel_size is not supported"),
        (pooling("kernel_size: 2 pad: 2"), "padding must be smaller than the window"),
        (INPUT + LAYER + one_layer("Pooling", "pooling_param { kernel_size: 1 }", bottom="x"), "pooling must take"),
        (
            INPUT + LAYER + one_layer("Pooling", "pooling_param { global_pooling: true }", bottom="x"),
            "pooling must take",
        ),
        (
            INPUT + LAYER + one_layer("Convolution", "convolution_param { num_output: 1 kernel_size: 1 }", bottom="x"),
            "must take",
        ),
        (
            INPUT + LAYER + one_layer("InnerProduct", "inner_product_param { num_output: 3 }", top="y"),
            "nothing takes x, y",
        ),
        (
            INPUT + one_layer("InnerProduct", 'param { name: "w" } inner_product_param { num_output: 3 }'),
            "shared by name",
        ),
        (
            INPUT + one_layer("InnerProduct", "inner_product_param { num_output: 3 transpose: true }"),
            "transpose must be false",
        ),
        (LENET_5 + one_layer("ReLU", bottom="prob"), "a Softmax must be the network's output, prob is not"),
        (LENET_5 + one_layer("ReLU", bottom="ip2"), "a Softmax must be the network's output, prob is not"),
        (
            LENET_5.replace('bottom: "ip2" top: "prob"', 'bottom: "ip1" top: "prob"'),
            "a Softmax must be the network's output",
        ),
        (INPUT + LAYER * 2, "nothing takes x"),
    ],
)
def test_refused_by_name(text: str, sentence: str):
    with pytest.raises(EieError, match=sentence):
        parse_caffe(text)


def test_weights_of_another_shape(tmp_path: Path, data_folder: Path):
    graph = tmp_path / "graph.prototxt"
    graph.write_text(LENET_5.replace("num_output: 500", "num_output: 501"))
    with pytest.raises(EieError, match=r"layer ip1: the graph wants weights of shape \(501, 800\), got \(500, 800\)"):
        load_network(data_folder / "lenet" / "lenet_5.safetensors", graph)


def test_files(tmp_path: Path):
    graph = tmp_path / "graph.prototxt"
    with pytest.raises(EieError, match=r"cannot read .*graph.prototxt: No such file"):
        load_graph(graph)
    graph.write_bytes(b"\xff")
    with pytest.raises(EieError, match=r"graph.prototxt: a graph file must be UTF-8 text, byte 0 is not"):
        load_graph(graph)
    graph.write_text("{")
    with pytest.raises(EieError, match=r"graph.prototxt: line 1: a field's name is wanted"):
        load_graph(graph)
    with pytest.raises(EieError, match=r"a graph is read from .json or .prototxt, got .txt suffix"):
        load_graph(tmp_path / "graph.txt")
