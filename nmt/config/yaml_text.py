"""Reading of YAML from users, with bounds on time and memory."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import yaml

from nmt.utils.errors import UsageError

_MAX_BYTES = 200_000
_MAX_NODES = 100_000  # with every alias counted as often as it is used
_MAX_DEPTH = 50


class YamlError(ValueError):
    """Text is not valid YAML, or takes too much memory; ``line`` is counted from 1 and None if it is unknown."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


def parse_yaml(text: str) -> tuple[Any, yaml.Node | None]:
    """Return the value of a YAML document, and its nodes, which know their lines.

    Raises:
        YamlError: The text is not valid YAML, is nested deeply, or aliases in it stand for very many values.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None, None
        _check_size(node)
        return yaml.SafeLoader("").construct_document(node), node
    except YamlError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise YamlError(getattr(error, "problem", None) or "not valid YAML", mark.line + 1 if mark else None) from None
    except RecursionError:
        raise YamlError(f"nested more than {_MAX_DEPTH} levels deep") from None
    except (ValueError, OverflowError):
        raise YamlError("holds a number or date that is out of range") from None  # such as 2026-02-30


def read_yaml_file(path: Path, missing: str, kind: str) -> str:
    """Return the text of a YAML file.

    Args:
        path: The file; must be a regular file, because reading a pipe may never end.
        missing: Text of the error message if the file does not exist.
        kind: What the file is, for error messages, such as ``recipe``.

    Raises:
        UsageError: The file can't be read, is not UTF-8 or is too long.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            reason = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise UsageError(f"{path}: is {reason}; name a YAML file")
        if status.st_size > _MAX_BYTES:
            raise UsageError(f"{path}: has {status.st_size:,} bytes (limit {_MAX_BYTES:,}); name a YAML file")
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"{path}: {missing}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: byte {error.start} is not UTF-8; save the {kind} as UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise UsageError(f"{path}: can't be read ({getattr(error, 'strerror', error)}); name a YAML file") from None


def _check_size(root: yaml.Node) -> None:
    """Raise YamlError if the document is nested too deeply or has too many nodes."""
    waiting = [(root, 1)]
    count = 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > _MAX_DEPTH:
            raise YamlError(f"nested more than {_MAX_DEPTH} levels deep", node.start_mark.line + 1)
        if count > _MAX_NODES:
            raise YamlError(f"aliases stand for more than {_MAX_NODES:,} values", node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            waiting += [(each, depth + 1) for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(each, depth + 1) for each in node.value]
