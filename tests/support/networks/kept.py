"""What a killed training run leaves behind."""

from pathlib import Path

from sw.training.checkpoint import Checkpoint, State


class Kept(Checkpoint):
    """Remembers every state that a killed run could have left behind."""

    def __init__(self, path: Path):
        super().__init__(path, "run")
        self.left: list[bytes] = []

    def save(self, state: State) -> None:
        super().save(state)
        self.left.append(self.path.read_bytes())
