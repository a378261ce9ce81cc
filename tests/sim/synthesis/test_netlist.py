"""sim/synthesis/netlist.py: the array as cells of an FPGA does what the model does."""

import json
from pathlib import Path

import pytest

from model.errors import EieError
from sim.cli import main
from sim.synthesis.netlist import check_netlist

DIGITS = Path(__file__).parents[3] / "examples"


def test_a_family_without_models_is_named() -> None:
    with pytest.raises(EieError, match="no netlist 'gowin' to simulate; netlists: ecp5"):
        check_netlist("gowin")


@pytest.mark.slow
def test_the_digits_network_on_the_netlist(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = str(tmp_path / "digits.eie")
    inputs = str(DIGITS / "digits_inputs.npy")
    main(["compress", str(DIGITS / "digits_network.safetensors"), "-o", network, "--calibrate", inputs])
    capsys.readouterr()
    arguments = ["verify", network, "--input", inputs, "--preset", "fit", "--pes", "2", "--netlist", "ecp5"]
    assert main([*arguments, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["equal"]
    assert report["netlist"] == "ecp5"
    assert report["rtl_cycles"] == report["model_cycles"]
