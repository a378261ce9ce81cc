"""What tests share: where the project and its optional data are."""

import os
from pathlib import Path

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).resolve().parent.parent

# A quick test does the same thing every time, so that a failure is the change's; the slow proofs draw new examples.
settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
# Where only whether a test fails matters, the smallest example is not looked for, which may take minutes.
settings.register_profile("unshrunk", settings.get_profile("repeatable"), phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("EIE_HYPOTHESIS_PROFILE", "repeatable"))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with mnist/, lenet/, squeezenet_dc/ and mlperf_tiny/, which are not part of the project."""
    folder = Path(os.environ.get("EIE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(
            f"no data in {folder}: set EIE_DATA to the folder with mnist/, lenet/, squeezenet_dc/, mlperf_tiny/"
        )
    return folder
