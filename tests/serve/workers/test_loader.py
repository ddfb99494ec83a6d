from pathlib import Path

import pytest

from nmt.utils.errors import CarouselError
from serve.workers.loader import ModelDirectoryLoader


def test_a_missing_model_directory_is_named():
    with pytest.raises(CarouselError, match="no/such/model"):
        ModelDirectoryLoader(Path("no/such/model"), processes=1).pair()
