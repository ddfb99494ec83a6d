"""HTML report of the problems in parallel text."""

from __future__ import annotations

from pathlib import Path

from nmt.corpus.checking.checks import CorpusCheck
from nmt.corpus.checking.data_set import DataCheck
from nmt.corpus.checking.problems import PROBLEM_KINDS, Problem, format_lines
from nmt.evaluation.templating import template_environment
from nmt.utils.files import atomic_file

_MAX_EXAMPLES = 10


def write_data_report(path: Path, data: DataCheck) -> None:
    """Write a self-contained page with the number, the lines and examples of each kind of problem."""
    template = template_environment("nmt.evaluation", "the report").get_template("data_check.html.j2")
    page = template.render(
        data=data, kinds=PROBLEM_KINDS, format_lines=format_lines, examples=_examples, num_lines=_MAX_EXAMPLES
    )
    with atomic_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _examples(check: CorpusCheck, kind: str) -> list[Problem]:
    """Return the first problems of a kind."""
    return [problem for problem in check.problems if problem.kind == kind][:_MAX_EXAMPLES]
