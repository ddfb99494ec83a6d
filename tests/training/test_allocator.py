"""What the libraries below torch are told, they heed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import pytest
import torch


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
def test_of_many_kernels_the_first_are_forgotten() -> None:
    """oneDNN reports for each kernel whether it remembered it."""
    program = """\
        import torch
        from nmt.training.allocator import keep_few_kernels

        keep_few_kernels()
        weight = torch.ones(4, 4).to_mkldnn()
        for rows in [*range(1, 101), 100, 1]:
            print("rows", rows, flush=True)
            torch.nn.functional.linear(torch.ones(rows, 4).to_mkldnn(), weight)
        """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=os.environ | {"ONEDNN_VERBOSE": "profile_create"},
        capture_output=True,
        text=True,
        check=True,
    )
    *_, last_but_one, last = ran.stdout.split("rows ")
    assert set(re.findall("create:cache_(hit|miss),cpu", last_but_one)) == {"hit"}
    assert set(re.findall("create:cache_(hit|miss),cpu", last)) == {"miss"}
