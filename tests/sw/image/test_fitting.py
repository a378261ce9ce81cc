"""sw/image/fitting.py: a word less in any memory, and the network does not fit."""

from pathlib import Path

import pytest

from model.config import PRESETS, ecp5_array
from model.errors import EieError
from sw.file.model_file import load
from sw.image.build import build_image
from sw.image.fitting import fitting_array


@pytest.mark.parametrize("pes", [1, 4, 6])
def test_memories_are_just_large_enough(project_root: Path, pes: int) -> None:
    network = load(project_root / "examples" / "lenet-300-100.eie")
    config = fitting_array(network, ecp5_array(1).with_(pes=pes))
    assert config.pes == pes
    build_image(network, config, resident=True)
    for field, step in (
        ("sparse_matrix_depth", 1),
        ("activation_depth", 1),
        ("pointer_depth", 2),
        ("constant_depth", 1),
    ):
        with pytest.raises(EieError):
            build_image(network, config.with_(**{field: getattr(config, field) - step}), resident=True)


def test_nothing_but_sizes_changes(project_root: Path) -> None:
    network = load(project_root / "examples" / "lenet-300-100.eie")
    before = PRESETS["balanced64"].with_(code_bits=2).to_dict()
    after = fitting_array(network, PRESETS["balanced64"].with_(code_bits=2)).to_dict()
    changed = {name for name in before if before[name] != after[name]}
    assert changed <= {"layers", "code_bits", *(name for name in before if name.endswith("_depth"))}
    assert after["queue_depth"] == before["queue_depth"]
    assert after["code_bits"] == max(layer.code_bits for layer in network.layers)


def test_memories_for_map_layers_are_just_large_enough(project_root: Path) -> None:
    network = load(project_root / "examples" / "lenet-5.eie")
    config = fitting_array(network, PRESETS["mcu16"].with_(accumulator_depth=2))
    build_image(network, config)
    for field in ("sparse_matrix_depth", "activation_depth", "accumulator_depth", "pointer_depth", "constant_depth"):
        depth: int = getattr(config, field)
        less = depth // 2 if field in ("activation_depth", "pointer_depth") else depth - 1
        with pytest.raises(EieError, match="the network needs "):
            build_image(network, config.with_(**{field: less}))
