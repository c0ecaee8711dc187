"""A lake elsewhere than in a folder: any location that fsspec reaches, and what has to be installed for it.

The packages of the three object stores are extras of ours, because nobody needs all of them and each brings a dozen others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sync_engine.errors import ConfigurationError

EXTRAS = {
    "s3": ("s3fs", "s3"),
    "s3a": ("s3fs", "s3"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "az": ("adlfs", "azure"),
    "gs": ("gcsfs", "gcs"),
    "gcs": ("gcsfs", "gcs"),
}
"""Protocol -> (package, our extra that brings it)."""


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it. Nothing is asked yet.

    Raises ConfigurationError that names the extra, or the package, that is not installed.
    """
    import fsspec  # a tenth of a second that only remote lakes and housekeeping need

    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise _not_to_be_had(url.partition("://")[0], error) from None
    except Exception as error:  # a file system looks for its login when it is made, each in its own way
        raise ConfigurationError(
            f"the file system of {url.partition('://')[0]}:// could not be prepared ({type(error).__name__})",
            key="SYNC_ENGINE_LAKE",
            todo="Check the address, and the credentials that its package looks for in the environment.",
        ) from error
    return found


def _not_to_be_had(protocol: str, error: Exception) -> ConfigurationError:
    from fsspec.registry import known_implementations

    package, extra = EXTRAS.get(protocol, ("", ""))
    if package:
        what = f"files at {protocol}:// are read through the package {package}, which is not installed"
        todo = f"Install the engine with its extra: pip install 'sync-engine[{extra}]'."
    elif isinstance(error, ImportError):
        what = f"what reads files at {protocol}:// is not installed"
        todo = f"fsspec says: {known_implementations.get(protocol, {}).get('err', str(error))}."
    else:
        what = f"nobody knows files at {protocol}://"
        todo = f"Give a folder, or one of {', '.join(f'{name}://' for name in EXTRAS)}."
    return ConfigurationError(what, key="SYNC_ENGINE_LAKE", todo=todo)


@contextmanager
def failures_of_files() -> Iterator[None]:
    """Whatever the package of an object store raises inside is an OSError with the name of its exception: its text may hold addresses."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OSError(error.errno or 0, error.strerror or type(error).__name__) from error
    except Exception as error:
        raise OSError(0, type(error).__name__) from error
