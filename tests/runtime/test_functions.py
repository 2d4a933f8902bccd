"""What a function gets and gives: events, context, errors, logs, the init phase, reuse."""

from __future__ import annotations

import json
import re
import shutil
import time

import pytest

ECHO = "def handler(event, context): return event"


@pytest.fixture(params=["sandbox", "process"])
def any_bench(request):
    """With namespaces and without: a function must not notice."""
    return request.getfixturevalue("bench" if request.param == "sandbox" else "open_bench")


def test_an_event_goes_in_and_the_answer_comes_out(any_bench):
    function = any_bench.function(ECHO)
    for event in (None, 1.5, "é\u2028", [1, {"a": None}], {"x": "y" * 100_000}):
        assert function(event) == event


def test_the_context_says_what_lambda_says(any_bench):
    """The context object's properties (Lambda developer guide, Python context)."""
    function = any_bench.function(
        "def handler(e, c): return dict(id=c.aws_request_id, arn=c.invoked_function_arn,"
        " name=c.function_name, version=c.function_version, memory=c.memory_limit_in_mb,"
        " group=c.log_group_name, left=c.get_remaining_time_in_millis(),"
        " client=c.client_context.custom if c.client_context else None,"
        " identity=c.identity.cognito_identity_id)",
        memory_mb=300,
        timeout_s=7,
    )
    answer = function(
        invoked_arn=function_arn(function) + ":live",
        client_context=json.dumps({"custom": {"k": "v"}}),
        cognito_identity=json.dumps({"cognitoIdentityId": "me"}),
    )
    left = answer.pop("left")
    assert 5000 < left <= 7000
    assert answer == {
        "id": f"{function.spec.name}-request-1",
        "arn": function_arn(function) + ":live",
        "name": function.spec.name,
        "version": "$LATEST",
        "memory": "300",
        "group": f"/aws/lambda/{function.spec.name}",
        "client": {"k": "v"},
        "identity": "me",
    }


def function_arn(function):
    return function.spec.arn


def test_an_exception_is_answered_with_its_type_message_and_trace(any_bench):
    function = any_bench.function("def handler(e, c):\n    raise KeyError('gone')")
    error = function.error()
    assert error["errorType"] == "KeyError"
    assert error["errorMessage"] == "'gone'"
    assert error["requestId"] == f"{function.spec.name}-request-1"
    assert len(error["stackTrace"]) == 1
    assert "app.py" in error["stackTrace"][0]
    # The environment goes on.
    assert function.error()["errorType"] == "KeyError"


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("import nothing_here", "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nothing_here'"),
        ("x = (", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
        ("x = 1", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("x = 1", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other': No module named 'other'"),
        ("x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("raise ValueError('at start')", "app.handler", "ValueError", "at start"),
    ],
)  # fmt: skip
def test_a_function_that_cannot_be_loaded_says_why(bench, source, handler, kind, message):
    error = bench.function(source, handler=handler).error()
    assert error["errorType"] == kind
    assert error["errorMessage"].startswith(message)


def test_a_result_that_is_not_json_is_a_marshal_error(bench):
    error = bench.function("def handler(e, c): return {1, 2}").error()
    assert error["errorType"] == "Runtime.MarshalError"
    assert error["errorMessage"].startswith("Unable to marshal response: ")


def test_an_exit_is_an_exit_error_and_the_next_event_has_a_new_environment(any_bench):
    function = any_bench.function(
        "import os\ndef handler(e, c):\n    if e: os._exit(e)\n    return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']"
    )
    first = function(0)
    error = function.error(3)
    assert error == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {function.spec.name}-request-2 Error: Runtime exited with error: exit status 3",
    }
    assert function(0) != first


def test_an_exit_while_loading_is_an_exit_error(bench):
    error = bench.function("import os\nos._exit(9)").error()
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: exit status 9")


def test_an_environment_is_reused_while_it_is_warm(any_bench):
    function = any_bench.function(
        "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n"
    )
    assert [function() for _ in range(4)] == [1, 2, 3, 4]


def test_other_configurations_do_not_share_environments(bench):
    import msgspec

    source = "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n"
    function = bench.function(source)
    assert function() == 1
    function.spec = msgspec.structs.replace(function.spec, revision="2")
    assert function() == 1


def test_the_timeout_ends_the_whole_process_tree(any_bench, tmp_path):
    function = any_bench.function(
        "import subprocess, time\n"
        "def handler(e, c):\n"
        "    subprocess.Popen(['sh', '-c', f'sleep 1.5; echo late > {e}'], start_new_session=True)\n"
        "    time.sleep(60)",
        timeout_s=1,
    )
    witness = tmp_path / "witness"
    tmp_path.chmod(0o777)
    began = time.monotonic()
    outcome = function.outcome(str(witness))
    assert time.monotonic() - began < 10
    assert json.loads(outcome.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {function.spec.name}-request-1 Error: Task timed out after 1.00 seconds",
    }
    assert b"Status: timeout" in outcome.log_tail
    any_bench.function(ECHO)()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        assert not witness.exists()
        time.sleep(0.1)


def test_the_log_has_lambdas_lines(any_bench):
    """START, what the function wrote, END and REPORT (Lambda developer guide, log format)."""
    function = any_bench.function(
        "import logging, sys\n"
        "def handler(e, c):\n"
        "    print('one\\ntwo')\n"
        "    logging.warning('three\\nfour')\n"
        "    print('five', file=sys.stderr)\n"
        "    print('six', end='')\n"
    )
    tail = function.outcome().log_tail.decode()
    request = f"{function.spec.name}-request-1"
    patterns = [
        f"START RequestId: {request} Version: \\$LATEST",
        "one",
        "two",
        rf"\[WARNING\]\t\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d.\d{{3}}Z\t{request}\tthree\nfour",
        "five",
        "six",
        f"END RequestId: {request}",
        rf"REPORT RequestId: {request}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        rf"Memory Size: 512 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t",
    ]
    assert re.fullmatch("\n".join(patterns) + "\n", tail), tail
    warm = function.outcome().log_tail.decode()
    assert "Init Duration" not in warm


def test_the_log_tail_is_the_last_4_kb(bench):
    tail = (
        bench.function("def handler(e, c):\n    for n in range(999): print('line', n)")
        .outcome()
        .log_tail
    )
    assert len(tail) == 4096
    assert b"line 998\n" in tail


def test_too_large_an_answer_is_an_error(bench):
    error = bench.function("def handler(e, c): return 'x' * e").error(7 * 1024 * 1024)
    assert error["errorType"] == "Function.ResponseSizeTooLarge"


def test_the_users_environment_is_there_and_the_hosts_is_not(any_bench, monkeypatch):
    function = any_bench.function(
        "import os\ndef handler(e, c): return dict(os.environ)", environment=(("MINE", "é"),)
    )
    found = function()
    assert found["MINE"] == "é"
    assert found["AWS_ACCESS_KEY_ID"] == "ASIATEST"
    assert found["AWS_REGION"] == "us-east-1"
    assert found["_HANDLER"] == "app.handler"
    assert not {"VIRTUAL_ENV", "PYTEST_CURRENT_TEST", "HOME"} & found.keys()


def test_boto3_is_there_unless_the_package_brings_its_own(any_bench):
    own = any_bench.function(
        {"app.py": "import boto3\ndef handler(e, c): return boto3.__version__", "boto3/__init__.py": "__version__ = 'mine'"}
    )  # fmt: skip
    assert own() == "mine"
    given = any_bench.function("import boto3\ndef handler(e, c): return boto3.__version__")
    assert re.fullmatch(r"\d+\.\d+\.\d+", given())


def test_layers_lie_over_one_another_in_opt(any_bench):
    function = any_bench.function(
        "import one, two\ndef handler(e, c): return [one.x, two.x]",
        layers=(
            {"python/one.py": "x = 'first'", "python/two.py": "x = 'first'"},
            {"python/two.py": "x = 'second'"},
        ),
    )
    assert function() == ["first", "second"]


def test_events_at_the_same_time_have_environments_of_their_own(bench):
    import concurrent.futures

    function = bench.function(
        "import time, os\ndef handler(e, c):\n    time.sleep(0.3)\n    return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']",
        memory_mb=256,
    )
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        streams = list(pool.map(lambda _: function(), range(4)))
    assert len(set(streams)) == 4


def test_a_custom_runtime_speaks_the_runtime_api(any_bench):
    """provided.al2023: `bootstrap` in the package, with nothing but the Runtime API over HTTP."""
    if shutil.which("curl") is None:
        pytest.skip("this custom runtime is a shell script that needs curl")
    function = any_bench.function(
        {
            "bootstrap": "#!/bin/sh\n"
            'api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"\n'
            "while true; do\n"
            '  event=$(curl -sS -D /tmp/h$$ "$api/invocation/next")\n'
            "  id=$(tr -d '\\r' < /tmp/h$$ | sed -n 's/^[Ll]ambda-[Rr]untime-[Aa]ws-[Rr]equest-[Ii]d: *//p')\n"
            '  echo "got $event"\n'
            '  curl -sS -o /dev/null -d "{\\"you sent\\": $event}" "$api/invocation/$id/response"\n'
            "done\n"
        },
        runtime="provided.al2023",
        handler="x",
    )
    assert function([1]) == {"you sent": [1]}
    assert b"got 2\n" in function.outcome(2).log_tail


def test_a_version_that_is_not_here_runs_on_the_nearest_and_says_so(bench):
    note = bench.runtime.interpreter("python3.8").note
    assert "python3.8 runs on Python 3." in note
    function = bench.function(
        "import sys\ndef handler(e, c): return sys.version_info[:2]", "python3.8"
    )
    version = bench.runtime.interpreter("python3.8").version
    assert ".".join(map(str, function())) == ".".join(version.split(".")[:2])
    bench.run(bench.runtime._flush_logs())
    assert any(name == function.spec.name and note in text for name, text in bench.lines)


def test_a_slow_init_phase_runs_again_in_the_functions_own_time(bench, monkeypatch):
    """Lambda ends an init phase after 10 s and repeats it at the first event (runtime environment guide)."""
    monkeypatch.setattr(bench.runtime, "init_s_max", 0.4)
    function = bench.function(
        "import time\ntime.sleep(0.8)\ndef handler(e, c): return 'late'", timeout_s=5
    )
    assert function() == "late"
    stuck = bench.function("import time\ntime.sleep(60)\ndef handler(e, c): return 1", timeout_s=1)
    assert stuck.error()["errorType"] == "Sandbox.Timedout"


def test_idle_environments_go_when_memory_is_short(bench):
    function = bench.function(
        "import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']"
    )
    stream = function()
    assert function() == stream
    whole = bench.runtime._memory_mb
    other = bench.function(ECHO, memory_mb=10_240)
    try:
        bench.runtime._memory_mb = 10_300
        assert other(1) == 1
    finally:
        bench.runtime._memory_mb = whole
    assert function() != stream


def test_idle_environments_of_a_changed_function_are_ended(bench):
    function = bench.function(
        "import os\ndef handler(e, c): return os.environ['AWS_LAMBDA_LOG_STREAM_NAME']"
    )
    stream = function()
    bench.run(bench.runtime.forget(function.spec.arn))
    assert function() != stream
