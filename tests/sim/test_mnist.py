"""The MNIST loader: the real files, and one sentence for anything else."""

import gzip

import pytest

from model.errors import EieError
from sim.mnist import load_mnist


def test_the_real_test_images(data_folder):
    images, labels = load_mnist(data_folder / "mnist", "t10k")
    assert images.shape == (10_000, 784)
    assert 0 <= images.min() < images.max() <= 255 / 256
    assert labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert (labels == 1).sum() == 1135


@pytest.mark.parametrize(
    "content", [b"", b"not gzip", gzip.compress(b"too short", mtime=0), gzip.compress(bytes(16 + 7_840_000)), None]
)
def test_anything_else_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(EieError, match=r"t10k-images-idx3-ubyte\.gz"):
        load_mnist(tmp_path, "t10k")
