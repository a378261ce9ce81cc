"""safetensors files in parts: an index names the file in its own folder that holds each tensor."""

import json
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from model.errors import EieError
from sw.files import check_source, read_whole
from sw.formats.assumptions import NOTHING_SAID, Assumptions
from sw.formats.connections import Connections
from sw.formats.safetensors import read_tensors
from sw.formats.tensors import network_from_tensors
from sw.network.network import Network

SUFFIX = ".safetensors.index.json"
LARGEST_INDEX = 1 << 22  # bytes
MOST_FILES = 1024


def load_sharded(
    path: Path, connections: Connections | None = None, assumptions: Assumptions = NOTHING_SAID
) -> Network:
    """The network in the files of an index, named as in `sw.formats.tensors`.

    EieError unless every tensor of the index is in the file that it names and every tensor of these files is in the
    index; files elsewhere are not opened.
    """
    places = _places(read_whole(path, LARGEST_INDEX))
    tensors: dict[str, NDArray[Any]] = {}
    metadata: dict[str, str] = {}
    for name in dict.fromkeys(places.values()):
        part = path.with_name(name)
        check_source(part)
        try:
            found, more = read_tensors(part)
        except EieError as error:
            raise EieError(f"{name}: {error}") from error
        for key in found:
            if places.get(key) != name:
                raise EieError(f"{name} has the tensor {key[:80]}, which the index has in {places.get(key, 'no file')}")
        tensors |= found
        metadata |= {key: text for key, text in more.items() if key != "format"}
    for key, name in places.items():
        if key not in tensors:
            raise EieError(f"the index has the tensor {key[:80]} in {name}, which does not have it")
    return network_from_tensors(tensors, metadata, connections, assumptions, ordered=False)


def _places(data: bytes) -> dict[str, str]:
    """The file of each tensor."""
    try:
        document: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise EieError(f"the index must be JSON: {str(error)[:160]}") from error
    found: object = cast("dict[str, Any]", document).get("weight_map") if isinstance(document, dict) else None
    if not isinstance(found, dict) or not found:
        raise EieError("the index must have the files of its tensors as weight_map, it does not")
    places = cast("dict[str, Any]", found)
    if not all(map(_is_name, places.values())) or len(set(places.values())) > MOST_FILES:
        raise EieError(f"the index must name at most {MOST_FILES} .safetensors files in its own folder, it does not")
    return places


def _is_name(value: object) -> bool:
    if not isinstance(value, str) or not value.endswith(".safetensors"):
        return False
    return value.isprintable() and Path(value).name == value
