"""sw/formats/graph_json.py: what a graph's text may say, and that what is written comes back."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sim.mnist import load_mnist
from sw.formats.connections import Connections, LayerUse
from sw.formats.graph_json import format_graph, parse_graph
from sw.formats.network_file import load_network
from sw.network.graph import UNCONNECTED, ApplyLayer, Concatenate, Convolution, Flatten, Graph, Lstm, Node, Pool, Relu
from tests.support.networks.formats import assert_equal, networks

LAYER = {"op": "layer", "name": "a"}


def document(*operations: object, **fields: object) -> str:
    return json.dumps({"operations": operations, **fields})


def test_a_graph_as_a_person_writes_it():
    text = """{
      "input": [1, 28, 28],
      "operations": [
        {"op": "layer", "name": "conv1", "stride": [2, 1], "padding": 2, "groups": 1},
        {"op": "max_pool", "kernel": 2},
        {"op": "average_pool", "kernel": [3, 2], "stride": 1, "padding": [1, 0], "ceil": true, "count_padding": false},
        {"op": "relu", "from": 2},
        {"op": "concatenate", "from": [3, 4]},
        {"op": "flatten"},
        {"op": "layer", "name": "ip1", "relu": true}
      ]
    }"""
    average = Pool(kind="average", kernel=(3, 2), stride=(1, 1), padding=(1, 0, 1, 0), ceil=True, count_padding=False)
    nodes = (
        Node(ApplyLayer(), (0,)),
        Node(Pool(kind="max", kernel=(2, 2), stride=(2, 2)), (1,)),
        Node(average, (2,)),
        Node(Relu(), (2,)),
        Node(Concatenate(), (3, 4)),
        Node(Flatten(), (5,)),
        Node(ApplyLayer(), (6,)),
    )
    conv1 = LayerUse(name="conv1", convolution=Convolution(stride=(2, 1), padding=(2, 2, 2, 2)))
    assert parse_graph(text) == Connections(
        graph=Graph(input_shape=(1, 28, 28), nodes=nodes), uses=(conv1, LayerUse(name="ip1", relu=True))
    )


def test_the_lstm_in_the_documentation(project_root: Path):
    text = (project_root / "docs" / "contract" / "network_files.md").read_text()
    connections = parse_graph(text.split("```")[3])
    nodes = (Node(Lstm(sequence=True), (0,)), Node(Lstm(), (1,)), Node(ApplyLayer(), (2,)))
    assert connections.graph == Graph(input_shape=(28, 28), nodes=nodes)
    assert connections.lstms == ["lstm.l0", "lstm.l1"]
    assert [use.name for use in connections.uses] == ["lstm.l0", "lstm.l1", "out"]


def test_the_graph_in_the_documentation_reads_digits(project_root: Path, data_folder: Path, tmp_path: Path):
    text = (project_root / "docs" / "contract" / "network_files.md").read_text()
    (tmp_path / "lenet_5.json").write_text(text.split("```")[1])
    network = load_network(data_folder / "lenet" / "lenet_5.safetensors", tmp_path / "lenet_5.json")
    images, labels = load_mnist(data_folder / "mnist", "t10k")
    assert np.mean(network.forward(images[:1000]).argmax(axis=1) != labels[:1000]) < 0.02


def test_chains_and_weights_only():
    assert parse_graph(document(LAYER)) == Connections(graph=None, uses=(LayerUse(name="a"),))
    assert parse_graph(document(LAYER, input=[])) == Connections(graph=UNCONNECTED, uses=(LayerUse(name="a"),))


@pytest.mark.parametrize("kind", networks())
def test_what_is_written_comes_back(kind: str):
    network = networks()[kind]
    text = format_graph(network)
    assert " " not in text
    weights = {layer.name: (layer.weight, layer.bias) for layer in network.layers}
    assert_equal(parse_graph(text).network(weights), network)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the graph must be JSON"),
        ("[" * 100_000, "the graph must be JSON"),
        ('{"operations": [' + "9" * 5000 + "]}", "the graph must be JSON"),
        ("[]", "a graph must be a JSON object, got a list"),
        ("{}", "a graph's operations must be a list, got None"),
        (document(name="x"), "a graph must have no fields but input, operations, got 'name'"),
        (document(3), "operation 1 must be a JSON object, got 3"),
        (document({}), "operation 1: op must be one of layer, lstm, max_pool, .*, got None"),
        (document({"op": "lrn"}), "operation 1: op must be one of .*, got 'lrn'"),
        (document({"op": ["layer"]}), "operation 1: op must be one of .*, got a list"),
        (document({"op": "layer"}), "operation 1: a layer must have a name, got None"),
        (document({"op": "layer", "name": "a,b"}), "a layer name must have .* no comma"),
        (document({"op": "layer", "name": "\ud800"}), "a layer name must be valid UTF-8"),
        (document({**LAYER, "relu": 1}), "operation 1: relu must be true or false, got 1"),
        (document({**LAYER, "stride": "2"}), "operation 1: stride must be made of whole numbers .*, got '2'"),
        (document({**LAYER, "stride": True}), "operation 1: stride must be made of whole numbers .*, got True"),
        (document({**LAYER, "stride": [1, 2, 3]}), r"operation 1: stride must be .*\[rows, columns\], got 3 numbers"),
        (document({**LAYER, "stride": []}), r"operation 1: stride must be .*\[rows, columns\], got 0 numbers"),
        (document({**LAYER, "padding": -1}), "operation 1: padding must be made of whole numbers .*, got -1"),
        (document({**LAYER, "groups": 1.0}), "operation 1: groups must be made of whole numbers .*, got 1.0"),
        (document({**LAYER, "kernel": 3}), "operation 1 must have no fields but .*, got 'kernel'"),
        (document({"op": "relu", "stride": 3}), "operation 1 must have no fields but from, op, got 'stride'"),
        (document({"op": "max_pool"}), "operation 1: kernel must be made of whole numbers .*, got None"),
        (document({"op": "lstm"}), "operation 1: a layer must have a name, got None"),
        (
            document({"op": "lstm", "name": "a", "sequence": "yes"}),
            "operation 1: sequence must be true or false, got 'yes'",
        ),
        (
            document({"op": "lstm", "name": "a", "relu": True}),
            "operation 1 must have no fields but from, .*, got 'relu'",
        ),
        (document({"op": "lstm", "name": "a"}), "a graph without input must be a chain of layers"),
        (document({"op": "lstm", "name": "a"}, input=[]), r"without connections \(input \[\]\) must list layers only"),
        (document({**LAYER, "from": 1}), r"operation 1: from must be one or more of the values 0 to 0, got \(1,\)"),
        (document({**LAYER, "from": []}), r"operation 1: from must be one or more of the values 0 to 0, got \(\)"),
        (document({**LAYER, "from": [0] * 5000}), "operation 1 must be a list of at most 4096, got 5000"),
        (document(*[LAYER] * 4097), "a graph's operations must be a list of at most 4096, got 4097"),
        (document({"op": "relu"}), "a graph without input must be a chain of layers"),
        (document(LAYER, {**LAYER, "from": 0}), "a graph without input must be a chain of layers"),
        (document({"op": "relu"}, input=[]), r"without connections \(input \[\]\) must list layers only"),
        (document(LAYER, input=3), "a graph's input must be a list, got 3"),
        (document(LAYER, input=["3"]), "a graph's input must be made of whole numbers .*, got '3'"),
        (document(LAYER, input=[1 << 31]), "a graph's input must be made of whole numbers from 0 to 2147483647"),
    ],
)
def test_refused(text: str, sentence: str):
    with pytest.raises(EieError, match=sentence) as refusal:
        parse_graph(text)
    assert len(str(refusal.value)) < 400


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"input": [3, 8, 8]}, r"layer a must take \(4, rows, columns\) values, it gets \(3, 8, 8\)"),
        ({"input": [4, 2, 8]}, "a window of 3 x 3 must fit into its input"),
        ({"input": [4, 1 << 20, 1 << 20]}, "at most 268435456 elements"),
        ({"input": [4, 8]}, r"layer a must take \(4, rows, columns\) values, it gets \(4, 8\)"),
        ({"input": [4, 8, 8, 1]}, r"\(features,\), \(steps, features\) or \(channels, rows, columns\)"),
        ({"input": [0, 8, 8]}, r"\(features,\), \(steps, features\) or \(channels, rows, columns\)"),
        ({"input": [4, 8, 8], "stride": 0}, "stride must be between 1 and 4095, got 0 x 0"),
        ({"input": [4, 8, 8], "padding": 4096}, "padding must be between 0 and 4095"),
        ({"input": [4, 8, 8], "groups": 3}, "groups must divide its 4 outputs, got 3"),
        ({"input": [4, 8, 8], "name": "b"}, "the graph applies layer b, the weight file must have it, got a"),
    ],
)
def test_graphs_that_do_not_fit_the_weights(fields: dict[str, Any], sentence: str):
    (layer,) = [one for one in networks()["graph"].layers if one.name == "fire/right"]
    weight = layer.weight[:, :4]
    use = {**LAYER, **{name: value for name, value in fields.items() if name != "input"}}
    with pytest.raises(EieError, match=sentence):
        parse_graph(document(use, input=fields["input"])).network({"a": (weight, layer.bias)})


def test_layers_are_applied_once_and_all():
    weight, bias = networks()["one part"].layers[0].weight, networks()["one part"].layers[0].bias
    with pytest.raises(EieError, match="it applies a more than once"):
        parse_graph(document(LAYER, LAYER)).network({"a": (weight, bias)})
    with pytest.raises(EieError, match="it does not apply b"):
        parse_graph(document(LAYER)).network({"a": (weight, bias), "b": (weight, bias)})
    with pytest.raises(EieError, match=r"layer a: the graph has it a convolution, got weights of shape \(4, 4\)"):
        parse_graph(document({**LAYER, "stride": 2}, input=[4])).network({"a": (weight, bias)})
