"""Where the files that come with the service are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_SERVICE = Path(__file__).parents[1]


class DataFileError(ValueError):
    """A data file is wrong; the message names the file and what is wrong with it."""


def templates_folder() -> Path:
    """Return the folder of the templates; the wheel carries it inside the package."""
    installed = _SERVICE / "_templates"
    return installed if installed.is_dir() else _SERVICE.parent / "templates"


def protocol_folder(version: int) -> Path:
    """Return the folder with the data files of one version of the protocol."""
    return _SERVICE / "domain" / "protocol" / "data" / f"v{version}"


def read_table(path: Path) -> dict[str, Any]:
    """Read a data file of named fields; raises `DataFileError`."""
    try:
        # `_NoRepeats` is a safe loader.
        table = yaml.load(path.read_bytes(), Loader=_NoRepeats)  # noqa: S506
    except FileNotFoundError as error:
        raise DataFileError(f"{path.name}: is missing") from error
    except yaml.YAMLError as error:
        raise DataFileError(f"{path.name}: cannot be read: {error}") from error
    if not isinstance(table, dict):
        raise DataFileError(f"{path.name}: needs named fields")
    return table


class _NoRepeats(yaml.CSafeLoader):
    """Refuses a name written twice, of which plain YAML silently keeps the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        table: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(table) < len(node.value):
            raise yaml.constructor.ConstructorError(
                problem="a name is there twice", problem_mark=node.start_mark
            )
        return table
