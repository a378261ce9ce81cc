"""sw/training/augment.py and batches.py: distorted copies, and what a batch holds."""

from typing import Any

import pytest

pytest.importorskip("torch", reason="training needs torch, the extra `train`")

import torch

from model.errors import EieError
from sw.training.augment import Augmentation, augmented, distort
from sw.training.batches import ImageBatches

STRONG = Augmentation(rotation=20, scale=0.2, shear=0.2, shift=2, elastic=1)


def bar(rows: int = 12, columns: int = 16) -> torch.Tensor:
    """A bright bar in the middle of a dark image."""
    image = torch.zeros(1, rows, columns, dtype=torch.uint8)
    image[:, rows // 3 : 2 * rows // 3, columns // 4 : 3 * columns // 4] = 200
    return image


def test_without_distortion_images_stay() -> None:
    images = torch.randint(0, 256, (3, 2, 7, 9), dtype=torch.uint8)
    assert torch.equal(distort(images, Augmentation()), images)
    torch.testing.assert_close(distort(images.float(), Augmentation()), images.float(), rtol=0, atol=1e-3)


@pytest.mark.parametrize("field", ["rotation", "scale", "shear", "shift", "elastic"])
def test_every_kind_moves_pixels_and_keeps_most_of_the_light(field: str) -> None:
    strength = {"rotation": 20, "scale": 0.2, "shear": 0.3, "shift": 2, "elastic": 1.0}[field]
    torch.manual_seed(0)
    images = bar().expand(50, 1, 12, 16)
    moved = distort(images, Augmentation(**{field: strength}))
    assert moved.dtype == torch.uint8
    assert all(not torch.equal(image, images[0]) for image in moved)
    assert not torch.equal(moved[0], moved[1])
    light = moved.float().mean() / images.float().mean()
    assert 0.9 < light < 1.1


def test_shifts_are_in_pixels_and_within_their_bound() -> None:
    torch.manual_seed(0)
    images = torch.zeros(200, 1, 21, 31)
    images[:, 0, 10, 15] = 1.0
    moved = distort(images, Augmentation(shift=3))
    rows = (moved.sum(dim=3) * torch.arange(21)).sum(dim=(1, 2)) - 10
    columns = (moved.sum(dim=2) * torch.arange(31)).sum(dim=(1, 2)) - 15
    for shift in (rows, columns):
        assert shift.abs().max() <= 3.001
        assert shift.abs().max() > 2.7


def test_elastic_displacements_have_their_deviation_away_from_the_edges() -> None:
    """A ramp's brightness says how far a pixel came from."""
    torch.manual_seed(0)
    ramp = torch.arange(41.0).expand(400, 1, 41, 41)
    moved = distort(ramp, Augmentation(elastic=0.8, smoothness=2.0))
    shifts = (moved - ramp)[:, 0, 18:23, 18:23]
    assert shifts.std() == pytest.approx(0.8, rel=0.05)
    assert (shifts[:, 2, 2] - shifts[:, 2, 3]).std() < 0.5 * shifts.std()


def test_copies_begin_with_the_originals_and_are_counted() -> None:
    torch.manual_seed(0)
    images, counted = bar().expand(5, 1, 12, 16), list[int]()
    copies = augmented(images, 2, STRONG, counted.append)
    assert copies.shape == (3, 5, 1, 12, 16)
    assert torch.equal(copies[0], images)
    assert not torch.equal(copies[1], copies[2])
    assert sum(counted) == 10


def images_and_labels() -> tuple[torch.Tensor, torch.Tensor]:
    """Image i of copy c is all ``10 * c + i``."""
    values = torch.arange(2)[:, None] * 10 + torch.arange(7)[None]
    return values.to(torch.uint8)[:, :, None, None, None].expand(2, 7, 1, 2, 2).contiguous(), torch.arange(7)


def test_a_shuffled_pass_takes_every_image_once_in_some_copy() -> None:
    copies, labels = images_and_labels()
    data = ImageBatches(copies, labels, 3, shuffle=True)
    assert len(data) == 2
    torch.manual_seed(0)
    seen, taken = list[int](), set[int]()
    for _ in range(20):
        for inputs, which in data:
            assert inputs.shape == (3, 1, 2, 2)
            pixels = (inputs[:, 0, 0, 0] * 256).int()
            assert torch.equal(pixels % 10, which)
            seen += which.tolist()
            taken |= set(pixels.tolist())
        assert len(set(seen)) == 6
        seen = []
    assert taken == {10 * copy + image for copy in (0, 1) for image in range(7)}


def test_originals_only_and_in_order() -> None:
    copies, labels = images_and_labels()
    torch.manual_seed(0)
    for inputs, which in ImageBatches(copies, labels, 3, shuffle=True, originals=1.0):
        assert torch.equal((inputs[:, 0, 0, 0] * 256).long(), which)
    ordered = [which.tolist() for _, which in ImageBatches(copies, labels, 3, shuffle=False)]
    assert ordered == [[0, 1, 2], [3, 4, 5], [6]]


def test_logits_belong_to_the_copy_and_inputs_can_be_changed() -> None:
    copies, labels = images_and_labels()
    logits = copies[:, :, 0, 0, :1].float()
    data = ImageBatches(copies, labels, 7, shuffle=True, logits=logits, change=lambda inputs: inputs + 1)
    torch.manual_seed(1)
    inputs, (which, answers) = next(iter(data))
    torch.testing.assert_close(inputs[:, 0, 0, 0] - 1, answers[:, 0] / 256)
    assert sorted(which.tolist()) == list(range(7))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": 0}, "a batch must have 1 to 7 images, got 0"),
        ({"size": 8}, "a batch must have 1 to 7 images, got 8"),
        ({"copies": torch.zeros(2, 7, 4)}, r"must be uint8 \(copies, 7, channels, rows, columns\), got torch.float32"),
    ],
)
def test_refusals(change: dict[str, Any], sentence: str) -> None:
    copies, labels = images_and_labels()
    with pytest.raises(EieError, match=sentence):
        ImageBatches(**{"copies": copies, "labels": labels, "size": 3, "shuffle": True, **change})
