"""sw/formats/pytorch.py: state dicts as PyTorch saves them, and files that were made to do harm."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.errors import EieError
from sw.formats.network_file import load_network, save_network
from sw.network.graph import UNCONNECTED
from tests.support.files.pickles import call, dictionary, name, sequence, storage, tensor, text, whole, write
from tests.support.networks.formats import assert_equal, assert_refuses_cuts, assert_survives_damage

VALUES = np.random.default_rng(0).normal(size=20).astype(np.float32)
RECORDS: dict[str, Any] = {"data/0": VALUES}
SOURCE = storage("0", 20)
GOOD = tensor(SOURCE, (4, 5), (5, 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.pt"


def test_a_file_made_by_hand(path: Path):
    views = {"a__weight": tensor(SOURCE, (3, 4), (1, 3), 2), "a__bias": tensor(SOURCE, (3,), (2,), 15)}
    (layer,) = load_network(write(path, dictionary(**views), RECORDS)).layers
    assert layer.name == "a"
    np.testing.assert_array_equal(layer.weight, VALUES[2:14].reshape(4, 3).T)
    np.testing.assert_array_equal(layer.bias, VALUES[[15, 17, 19]])
    assert layer.weight.flags.c_contiguous
    assert layer.weight.flags.writeable


@pytest.mark.parametrize(("kind", "dtype"), [("FloatStorage", "<f4"), ("DoubleStorage", "<f8"), ("HalfStorage", "<f2")])
def test_kinds_of_numbers(path: Path, kind: str, dtype: str):
    values = VALUES.astype(dtype)
    write(path, dictionary(a__weight=tensor(storage("0", 20, kind), (4, 5), (5, 1))), {"data/0": values})
    (layer,) = load_network(path).layers
    np.testing.assert_array_equal(layer.weight.reshape(-1), values.astype(np.float32))


def test_bfloat16(path: Path):
    values = (VALUES.view(np.uint32) >> 16).astype("<u2")
    write(path, dictionary(a__weight=tensor(storage("0", 20, "BFloat16Storage"), (4, 5), (5, 1))), {"data/0": values})
    wanted = (VALUES.view(np.uint32) & 0xFFFF0000).view(np.float32)
    np.testing.assert_array_equal(load_network(path).layers[0].weight.reshape(-1), wanted)


@pytest.mark.parametrize("wrapper", ["state_dict", "model_state_dict", "model"])
def test_a_state_dict_in_a_checkpoint(path: Path, wrapper: str):
    optimiser = dictionary(state=b"]", lr=b"G" + bytes(8))
    document = dictionary(**{"epoch": whole(3), wrapper: dictionary(a__weight=GOOD), "optimizer": optimiser})
    assert load_network(write(path, document, RECORDS)).layers[0].name == "a"


def test_one_array_for_tied_weights(path: Path):
    tied = {f"a{number}__weight": tensor(SOURCE, (4, 4), (4, 1)) for number in range(100)}
    layers = load_network(write(path, dictionary(**tied), RECORDS)).layers
    assert len(layers) == 100
    assert len({layer.weight.ctypes.data for layer in layers}) == 1


OVERLAPPING = {
    f"a{number}__weight": tensor(SOURCE, (1, 11) if number < 10 else (11, 1), (1, 1), number % 10)
    for number in range(20)
}
REFERENCE = sequence(text("storage"), name("torch FloatStorage"), text("0"), text("cpu"), text("20")) + b"Q"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (call("posix system", text("touch /tmp/owned")), "tensors and plain values only, it asks for posix.system"),
        (call("builtins eval", text("1")), "it asks for builtins.eval"),
        (dictionary(a__weight=call("torch._utils _rebuild_tensor_v3")), "it asks for torch._utils._rebuild_tensor_v3"),
        (text("os") + text("system") + b"\x93", "it asks for os.system"),
        (name("__main__ Net") + b")\x81", "it asks for __main__.Net"),
        (b"(ios\nsystem\n", "plain values, this one uses the opcode INST"),
        (name("collections OrderedDict") + b")\x81", "this one uses the opcode NEWOBJ"),
        (b"\x82\x01", "this one uses the opcode EXT1"),
        (b"B" + b"\xff\xff\xff\x7f", "this is not a whole pickle"),
        (b"X" + b"\xff\xff\xff\xff", "this is not a whole pickle"),
        (b"}r\xff\xff\xff\x7f", "the file must hold|at least one NAME.weight"),
        (b"h\x07", "this is not a whole pickle"),
        (b"R", "this is not a whole pickle"),
        (b"t", "this is not a whole pickle"),
        (b"}}b" + text("x"), "the file must hold a state dict, got a str"),
        (name("collections OrderedDict") + b"}b", "this one sets some of an object"),
        (whole(3) + b")R", "known functions only, this one calls something else"),
        (name("torch FloatStorage") + b")R", "known functions only, this one calls something else"),
        (name("collections OrderedDict") + b"]R", "known functions only, this one calls something else"),
        (call("collections OrderedDict", b"]"), "an OrderedDict must be made empty"),
        (b"})" + b"\x85" * 100_000 + whole(1) + b"s", "must be text or whole numbers, got a tuple"),
        (b"]" + whole(1) + b"u", "this is not a whole pickle"),
        (b"](" + whole(1) + whole(1) + b"u", "items of dictionaries only"),
        (b"}(" + whole(1) + b"u", "items of dictionaries only, in pairs"),
        (b"}" + whole(1) + b"a", "append to lists only"),
        (whole(3) + b"Q", "must refer to storages of tensors, it refers to something else"),
        (dictionary(a__weight=tensor(REFERENCE, (4, 5), (5, 1))), "must refer to storages of tensors"),
        (b"]", "the file must hold a state dict, got a list"),
        (b"}", "at least one NAME.weight"),
        (GOOD, "the file must hold a state dict, got a ndarray"),
        (dictionary(a__weight=GOOD, epoch=whole(3)), "must hold tensors by name, epoch is a int"),
        (dictionary(state_dict=dictionary(a=b"N")), "must hold tensors by name, a is a NoneType"),
        (dictionary(state_dict=b"}", model=b"}"), "must hold one state dict, got state_dict and model"),
        (b"}" + whole(1) + GOOD + b"s", "must hold tensors by name, 1 is a ndarray"),
        (dictionary(a__weight=GOOD, a__mean=GOOD), "NAME.bias, got a.mean"),
        (dictionary(a__weight=tensor(SOURCE, (4, 5), (5, 1), 1)), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (4, 5), (6, 1))), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (5, 5), (0, 0))), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (1 << 40, 1 << 40), (0, 0))), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (0, 1 << 60), (1, 1))), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (2, 2), (1 << 61, 1))), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (2, 2), (1, 1), 1 << 61)), "must lie in the 20 numbers of its storage"),
        (dictionary(a__weight=tensor(SOURCE, (-2, -2), (1, 1))), "at most 8 whole numbers, got something else"),
        (dictionary(a__weight=tensor(SOURCE, (2, 2), (1, -1), 8)), "at most 8 whole numbers, got something else"),
        (dictionary(a__weight=tensor(SOURCE, (1,) * 9, (1,) * 9)), "at most 8 whole numbers, got something else"),
        (dictionary(a__weight=tensor(SOURCE, (1 << 2000, 2), (1, 1))), "at most 8 whole numbers, got something else"),
        (dictionary(a__weight=tensor(SOURCE, (2, 2), (1,))), "as many strides as sizes, got 1 and 2"),
        (dictionary(a__weight=tensor(text("x"), (2, 2), (1, 1))), "must be of a storage, an offset"),
        (dictionary(a__weight=call("torch._utils _rebuild_tensor_v2", SOURCE)), "must be of a storage, an offset"),
        (dictionary(a__weight=call("torch._utils _rebuild_parameter", SOURCE)), "a parameter must be of a tensor"),
        (dictionary(**OVERLAPPING), "by at most 3 tensors that differ"),
        (dictionary(a__weight=tensor(storage("1", 20), (4, 5), (5, 1))), "must have a record data/1, it does not"),
        (
            dictionary(a__weight=tensor(storage("0", 21), (4, 5), (5, 1))),
            "data/0 must hold 21 numbers, it has 80 bytes",
        ),
        (dictionary(a__weight=tensor(storage("0", 1 << 60), (4, 5), (5, 1))), "data/0 must hold 1152.* numbers"),
        (dictionary(a__weight=tensor(storage("0", 10, "LongStorage"), (5, 2), (2, 1))), "got int64"),
        (dictionary(a__weight=tensor(storage("0", 80, "BoolStorage"), (5, 2), (2, 1))), "got bool"),
        (dictionary(a__weight=tensor(storage("0", 20, "QInt8Storage"), (5, 2), (2, 1))), "asks for torch.QInt8Storage"),
        (dictionary(n__weight=GOOD, n__num_batches_tracked=tensor(SOURCE, (), ())), "got n.num_batches_tracked"),
    ],
)
def test_refused(path: Path, value: bytes, sentence: str):
    with pytest.raises(EieError, match=sentence) as refusal:
        load_network(write(path, value, RECORDS))
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < len(str(path)) + 250


class Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("owned"),)


def test_what_pickle_would_run(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(path.parent)
    write(path, pickle.dumps(Harm(), protocol=2)[2:-1], {})
    with pytest.raises(EieError, match=r"it asks for pathlib.Path|it asks for"):
        load_network(path)
    for data in (pickle.dumps(Harm()), pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(Harm(), 2) * 4):
        path.write_bytes(data)
        with pytest.raises(EieError, match=r"it asks for"):
            load_network(path)
    assert not Path("owned").exists()


def test_archives_that_lie(path: Path):
    good = dictionary(a__weight=GOOD)
    write(path, good, RECORDS, zipfile.ZIP_DEFLATED)
    with pytest.raises(EieError, match=r"archive/data.pkl must not be compressed in this way"):
        load_network(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/other", b"")
    with pytest.raises(EieError, match=r"must have one record data.pkl, got 0"):
        load_network(path)
    with pytest.raises(EieError, match=r"must be little-endian, got b'big'"):
        load_network(write(path, good, {**RECORDS, "byteorder": b"big"}))
    with pytest.raises(EieError, match=r"data.pkl must have at most 16777216 bytes"):
        load_network(write(path, b"N0" * (1 << 23), {}))
    write(path, good, RECORDS)
    data = bytearray(path.read_bytes())
    place = data.index(VALUES.tobytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(EieError, match="this is not a whole PyTorch file: Bad CRC-32"):
        load_network(path)
    path.write_bytes(b"something else")
    with pytest.raises(EieError, match="this is not a whole PyTorch file: File is not a zip file"):
        load_network(path)


def test_records_that_overlap(path: Path):
    write(path, dictionary(a__weight=GOOD), {"data/0": bytes(10_000)})
    data = path.read_bytes()
    end = data.index(b"PK\x05\x06")
    last = data[data.rindex(b"PK\x01\x02") : end]
    tail = bytearray(data[end:])
    tail[8:12] = (4).to_bytes(2, "little") * 2
    tail[12:16] = (int.from_bytes(tail[12:16], "little") + len(last)).to_bytes(4, "little")
    path.write_bytes(data[:end] + last.replace(b"data/0", b"data/1") + tail)
    with pytest.raises(EieError, match=r"must unpack to at most \d+ bytes, it declares 20\d+"):
        load_network(path)


def test_names_that_are_no_text(path: Path):
    write(path, dictionary(a__weight=GOOD), RECORDS)
    data = bytearray(path.read_bytes())
    for header, flags, text_at in ((data.index(b"PK\x03\x04"), 6, 30), (data.index(b"PK\x01\x02"), 8, 46)):
        data[header + flags + 1] |= 8  # the name is UTF-8
        data[header + text_at + 3] = 0x8E
        path.write_bytes(data)
        with pytest.raises(EieError, match="this is not a whole PyTorch file"):
            load_network(path)


def test_missing_and_damaged_files(path: Path):
    with pytest.raises(EieError, match=r"cannot read .*net.pt: No such file"):
        load_network(path)
    write(path, dictionary(a__weight=GOOD, a__bias=tensor(SOURCE, (4,), (1,))), RECORDS)
    assert_refuses_cuts(load_network, path, 3)
    assert_survives_damage(load_network, path, 400)


def test_damaged_pickles(path: Path):
    good = dictionary(a__weight=GOOD, a__bias=tensor(SOURCE, (4,), (1,)))
    random, refused = np.random.default_rng(0), 0
    for _ in range(400):
        damaged = np.frombuffer(good, np.uint8).copy()
        damaged[random.integers(0, damaged.size, 2)] = random.integers(0, 256, 2)
        write(path, damaged.tobytes(), RECORDS)
        try:
            load_network(path)
        except EieError:
            refused += 1
    assert refused > 200


def test_what_torch_saves(path: Path):
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False))
    torch.save(module.state_dict(), path)
    network = load_network(path)
    x = np.random.default_rng(0).normal(size=(4, 7)).astype(np.float32)
    assert [layer.name for layer in network.layers] == ["0", "2"]
    np.testing.assert_allclose(network.forward(x), module(torch.from_numpy(x)).detach().numpy(), rtol=1e-4, atol=1e-6)


def test_the_format_from_before_version_1_6(path: Path):
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    base = torch.randn(9, 7)
    state = {"0.weight": base[:5], "0.bias": torch.randn(5).double(), "2.weight": torch.randn(5, 3).t().half()}
    torch.save({"epoch": 3, "state_dict": state}, path, _use_new_zipfile_serialization=False)
    network = load_network(path)
    assert [layer.name for layer in network.layers] == ["0", "2"]
    for layer in network.layers:
        np.testing.assert_array_equal(layer.weight, state[f"{layer.name}.weight"].float().numpy())
    np.testing.assert_array_equal(network.layers[0].bias, state["0.bias"].float().numpy())
    path.rename(path.with_suffix(".th"))
    assert_equal(load_network(path.with_suffix(".th")), network)
    assert_refuses_cuts(load_network, path.with_suffix(".th"), 17)
    assert_survives_damage(load_network, path.with_suffix(".th"), 300)


@pytest.mark.parametrize("protocol", [2, 4])
def test_more_of_what_torch_saves(path: Path, protocol: int):
    torch: Any = pytest.importorskip("torch")
    torch.manual_seed(0)
    base = torch.randn(10, 12)
    state = {
        "lstm.weight_ih_l0": base.t(),
        "lstm.weight_hh_l0": base[2:8, 3:9],
        "conv.weight": torch.nn.Parameter(torch.randn(4, 2, 3, 3).to(memory_format=torch.channels_last)),
        "conv.bias": torch.randn(4).bfloat16(),
        "fc.weight": torch.randn(3, 3).double(),
    }
    torch.save({"epoch": 1, "state_dict": state}, path, pickle_protocol=protocol)
    network = load_network(path)
    assert network.graph is UNCONNECTED
    layers = {layer.name: layer for layer in network.layers}
    assert set(layers) == {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "conv", "fc"}
    for key, values in state.items():
        layer = layers[key.removesuffix(".weight").removesuffix(".bias")]
        found = layer.bias if key == "conv.bias" else layer.weight
        np.testing.assert_array_equal(found, values.detach().float().numpy())
    for suffix in (".npz", ".safetensors"):
        save_network(network, path.with_suffix(suffix))
        assert_equal(load_network(path.with_suffix(suffix)), network)


def test_other_files_of_torch(path: Path):
    torch: Any = pytest.importorskip("torch")
    module = torch.nn.Linear(3, 2)
    torch.save(module, path)
    with pytest.raises(EieError, match=r"it asks for torch.nn.modules.linear.Linear"):
        load_network(path)
    with zipfile.ZipFile(path, "w") as archive:  # as torch.jit.save writes it
        archive.writestr("net/data.pkl", b"\x80\x02}q\x00.")
        archive.writestr("net/code/__torch__.py", b"class Module(Module):\n", zipfile.ZIP_DEFLATED)
    with pytest.raises(EieError, match=r"this is a TorchScript program, which is code: torch.onnx.export"):
        load_network(path)
    torch.save(module.state_dict(), path)
    (layer,) = load_network(path).layers
    assert layer.name == "weight"
    torch.save({"bn.weight": torch.ones(3), "bn.bias": torch.ones(3)}, path)
    with pytest.raises(EieError, match=r"bn.weight must be 2-D .*\(3,\): .*running_mean.*torch.onnx.export"):
        load_network(path)
    torch.save(torch.nn.Sequential(torch.nn.Linear(2, 2)), path)
    with pytest.raises(
        EieError, match=r"asks for torch.nn.*save its state_dict\(\): torch.save\(model.state_dict\(\), "
    ):
        load_network(path)
