"""Loads model directories into worker processes."""

from dataclasses import dataclass
from pathlib import Path

from serve.workers.client import RemoteTranslator


@dataclass(frozen=True)
class ModelDirectoryLoader:
    """Loads the model directory at ``path`` into ``processes`` worker processes, one for each worker thread."""

    path: Path
    processes: int

    def pair(self) -> tuple[str, str]:
        """Read the source and target language from the model directory."""
        # Imported late, so that the server answers /health while the package is still being imported.
        from nmt.model_directory.directory import read_model_directory

        card = read_model_directory(self.path).card
        return card.source_language, card.target_language

    def load(self) -> RemoteTranslator:
        """Load the model; raise CarouselError if that fails."""
        return RemoteTranslator.load(self.path, self.processes)
