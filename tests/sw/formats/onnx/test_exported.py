"""sw/formats/onnx: what both exporters of torch write, equal to onnxruntime."""

from pathlib import Path

import pytest

from tests.support.files.onnx_models import assert_equals_runtime
from tests.support.networks.exported import MODULES, export


@pytest.mark.parametrize("exporter", ["legacy", "dynamo"])
@pytest.mark.parametrize("name", sorted(MODULES))
def test_what_torch_exports(name: str, exporter: str, tmp_path: Path):
    shapes = export(name, exporter, tmp_path / "net.onnx")
    assert_equals_runtime(tmp_path / "net.onnx", shapes)


@pytest.mark.slow
@pytest.mark.parametrize("exporter", ["legacy", "dynamo"])
@pytest.mark.parametrize(
    "name",
    [
        "resnet18",
        "mobilenet_v2",
        "mobilenet_v3_small",
        "efficientnet_b0",
        "densenet121",
        "shufflenet_v2_x0_5",
        "mnasnet0_5",
    ],
)
def test_networks_of_torchvision(name: str, exporter: str, tmp_path: Path):
    shapes = export(f"torchvision.{name}", exporter, tmp_path / "net.onnx")
    assert_equals_runtime(tmp_path / "net.onnx", shapes)
