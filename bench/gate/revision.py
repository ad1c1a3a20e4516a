"""A revision of the user's repository: checked out beside it, and installed into an environment of its own."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from bench.errors import InputError
from bench.git import OWN, git, text

INSTALL_SECONDS = 1800.0
LOG_TAIL_BYTES, LAST_LINES = 20_000, 20
VENV = ("-P", "-m", "venv")  # a module of the revision's that is called like one of Python's is no part of this
SAFE = {"PYTHONSAFEPATH": "1"}  # the same of every Python that is started by it, or by what installs
SELDOM_INSTALLED = ("pip", "setuptools", "wheel")  # what a new environment brings itself


def last_lines(log: Path) -> tuple[str, ...]:
    """The last lines of a log."""
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - LOG_TAIL_BYTES, 0))
        return tuple(file.read().decode("utf-8", "replace").splitlines()[-LAST_LINES:])


def toplevel(folder: Path) -> Path:
    """The folder of the git repository that holds `folder`. InputError where none does."""
    found = git(folder, "rev-parse", "--show-toplevel")
    if found.returncode:
        raise InputError(f"--ab: expected the suite to lie in a git repository, found none round {folder}")
    return Path(os.fsdecode(found.stdout).rstrip("\n")).resolve()


@contextlib.contextmanager
def worktree(repository: Path, ref: str) -> Iterator[Path]:
    """A revision checked out into a temporary folder; removed, and forgotten by git, whatever happens."""
    found = git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    if found.returncode:
        raise InputError(
            f"--ab: expected a revision of {repository}, found {ref!r}, which names none: "
            f"where it is a branch of the server's, fetch it first (a shallow checkout has one commit)"
        )
    folder = Path(tempfile.mkdtemp(prefix="sparring-ab-")).resolve()
    tree = folder / "tree"
    try:
        commit = text(found.stdout)
        # No hook of the user's runs: it was written for the user's own checkouts.
        made = git(repository, "-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--detach", str(tree), commit)
        if made.returncode:
            raise InputError(f"--ab: {ref} could not be checked out: {text(made.stderr)}")
        yield tree
    finally:
        git(repository, "worktree", "remove", "--force", str(tree))  # no prune: that would forget the user's own too
        shutil.rmtree(folder, ignore_errors=True)


def environment(
    install: str, tree: Path, scratch: Path, says: Callable[[str], None]
) -> tuple[str, dict[str, str], list[str]]:
    """Interpreter and variables of the old side, and what there is to say of them."""
    if not install:
        said = "no [gate] install: of the revision its plug-in files run, in the present environment"
        return sys.executable, dict(os.environ), [said]
    says(f"install: {install}")
    home = scratch / "environment"
    log = scratch / "install.log"
    made = [sys.executable, *VENV, str(home)]
    _installing(made, scratch, os.environ | SAFE, log, "an environment could not be made")
    python = home / "bin" / "python"
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", *OWN)}
    variables |= {"VIRTUAL_ENV": str(home), "PATH": f"{home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    packages = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}, scheme="venv")
    inherited = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    lines = [f"import site; site.addsitedir({folder!r})\n" for folder in inherited]
    Path(packages).mkdir(parents=True, exist_ok=True)
    (Path(packages) / "zz-inherited.pth").write_text("".join(lines))  # last: what is installed here goes first
    _installing(shlex.split(install), tree, variables | SAFE, log, "could not be installed")
    found = {one.name for one in metadata.distributions(path=[packages])} - {*SELDOM_INSTALLED}
    if not found:
        raise InputError(
            f"--ab: expected the suite's [gate] install ({install}) to install the revision into its environment "
            f"({home}), found nothing installed there: both sides would run the same code"
        )
    return str(python), variables, [f"installed of the revision: {', '.join(sorted(found))}"]


def _installing(command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, what: str) -> None:
    """Run a command in a folder, in a session of its own that is ended with all it started."""
    program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
    try:
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603  # the user's own command
                [program, *command[1:]],
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | str = child.wait(timeout=INSTALL_SECONDS)
            except subprocess.TimeoutExpired:
                code = f"none within {INSTALL_SECONDS:g} s"
            finally:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    except OSError as error:
        raise InputError(f"--ab: {shlex.join(command)}: {what}: {error.strerror}") from error
    if code != 0:
        said = "\n".join(last_lines(log))
        raise InputError(f"--ab: {shlex.join(command)}: {what}: exit code {code}; the last lines it printed:\n{said}")
