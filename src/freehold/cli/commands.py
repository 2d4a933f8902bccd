"""The commands but `up`. Each is a few lines here: what it takes, and who does it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="The serverless cloud you own: AWS serverless applications, unmodified, on your machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The node's data directory (default: FREEHOLD_DATA, else .freehold).",
        show_default=False,
    ),
]
StackName = Annotated[str, typer.Option("--stack-name", help="The stack's name.")]
# Options of several values, as the aws command has them: what one of the values looks like.
_SEVERAL: dict[str, Callable[[str], bool]] = {
    "--parameter-overrides": lambda word: "=" in word,
    "--capabilities": lambda word: word.startswith("CAPABILITY_"),
}


def run(arguments: Sequence[str]) -> int:
    """Run a command line; the exit status. What goes wrong is said in words."""
    try:
        status = app(args=spread(arguments), prog_name="freehold", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return 130
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:  # noqa: BLE001 - sorted below; what is not known is raised again
        return _told(error)
    return status if isinstance(status, int) else 0


def spread(arguments: Sequence[str]) -> list[str]:
    """`--option A B` as `--option A --option B`, for the options that take several values."""
    spread_out: list[str] = []
    option = ""
    for word in arguments:
        if option and spread_out[-1] != option and _SEVERAL[option](word):
            spread_out.append(option)
        elif word in _SEVERAL:
            option = word
        elif not (option and spread_out[-1] == option):
            option = ""
        spread_out.append(word)
    return spread_out


@app.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    add_help_option=False,
)
def up(context: typer.Context) -> int:
    """Run a node in the foreground (freehold up --help has its settings)."""
    from freehold.cli.up import up as run_node

    return run_node(context.args)


@app.command()
def env(data: Data = None) -> None:
    """Print what AWS's SDKs and tools need: eval "$(freehold env)"."""
    from freehold import config
    from freehold.cli.clients import health, keys_of_data
    from freehold.cli.problems import no_node

    keys = keys_of_data(data or config.default_data())
    for name, value in keys.variables().items():
        print(f"export {name}={shlex.quote(value)}")
    if health(keys.endpoint_url) is None:
        print(f"# {no_node(keys.endpoint_url)}".replace("\n", "\n#"), file=sys.stderr)


@app.command()
def deploy(
    template: Annotated[
        Path,
        typer.Argument(metavar="TEMPLATE", help="SAM or CloudFormation, YAML or JSON."),
    ],
    stack_name: StackName,
    parameter_overrides: Annotated[
        list[str] | None,
        typer.Option("--parameter-overrides", help="Values of parameters: KEY=VALUE ..."),
    ] = None,
    capabilities: Annotated[
        list[str] | None,
        typer.Option(
            "--capabilities",
            help="What the template may do (default: CAPABILITY_IAM CAPABILITY_AUTO_EXPAND).",
        ),
    ] = None,
    bucket: Annotated[
        str,
        typer.Option("--s3-bucket", help="Where code goes (default: a bucket for deployments)."),
    ] = "",
    execute: Annotated[
        bool,
        typer.Option(
            "--execute-changeset/--no-execute-changeset", help="Or only show what would change."
        ),
    ] = True,
    keep_failed: Annotated[
        bool, typer.Option("--disable-rollback", help="Leave what was made when something fails.")
    ] = False,
    data: Data = None,
) -> int:
    """Package a template with the code beside it, deploy it, and print its outputs."""
    from freehold.cli import stacks
    from freehold.cli.clients import clients

    wanted = stacks.Wanted(
        template=template,
        stack_name=stack_name,
        parameters=_pairs(parameter_overrides or []),
        capabilities=capabilities or ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        bucket=bucket,
        execute=execute,
        keep_failed=keep_failed,
    )
    return stacks.deploy(clients(data), wanted)


@app.command()
def delete(stack_name: StackName, data: Data = None) -> int:
    """Delete a stack with everything in it."""
    from freehold.cli import stacks
    from freehold.cli.clients import clients

    return stacks.delete(clients(data), stack_name)


@app.command()
def status(data: Data = None) -> None:
    """Show the node, and the stacks, functions, tables and buckets on it."""
    from freehold.cli import status as statuses
    from freehold.cli.clients import clients

    statuses.status(clients(data))


@app.command()
def logs(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A function (a part of its name will do) or log group."
        ),
    ],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with lines as they come.")
    ] = False,
    since: Annotated[int, typer.Option("--since", help="How far back to begin, in seconds.")] = 24
    * 3600,
    data: Data = None,
) -> None:
    """Print what a function has logged."""
    from freehold.cli import functions
    from freehold.cli.clients import clients

    functions.logs(clients(data), name, follow=follow, since_s=since)


@app.command()
def invoke(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A function; a part of its name will do.")
    ],
    payload: Annotated[
        str, typer.Option("--payload", help="The event as JSON; @FILE reads a file, - reads stdin.")
    ] = "{}",
    data: Data = None,
) -> int:
    """Invoke a function: its answer on stdout, its log on stderr."""
    from freehold.cli import functions
    from freehold.cli.clients import clients

    return functions.invoke(clients(data), name, payload)


@app.command()
def doctor(data: Data = None) -> int:
    """Say what this machine gives to functions and data, what is missing, and how to get it."""
    from freehold import config
    from freehold.cli import doctor as doctors

    return doctors.doctor(data or config.default_data())


def _pairs(given: Sequence[str]) -> dict[str, str]:
    from freehold.cli.problems import Problem

    pairs = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Problem(f"{pair!r} is no parameter.", "Write KEY=VALUE")
        pairs[name] = value
    return pairs


def _told(error: Exception) -> int:
    """Say what went wrong; a fault of our own is raised again."""
    from freehold.cli.problems import TOLD, in_words
    from freehold.kv import StoreUnavailable

    show = getattr(error, "show", None)
    if show is not None and hasattr(error, "exit_code"):
        show()  # typer's own: a wrong option, a missing argument
        return int(error.exit_code)
    if not isinstance(error, (*TOLD, StoreUnavailable)):
        raise error
    print(f"freehold: {in_words(error)}", file=sys.stderr)
    return 1
