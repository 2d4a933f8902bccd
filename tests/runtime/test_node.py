"""Node.js functions: kinds of modules and handlers, errors, console (Lambda developer guide, Node.js)."""

from __future__ import annotations

import re
import shutil

import pytest

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"index.js": "exports.handler = async (e) => ({got: e})"}, "index.handler"),
        ({"index.js": "exports.handler = (e, c, done) => setTimeout(() => done(null, {got: e}), 5)"}, "index.handler"),
        ({"index.js": "exports.handler = (e, c) => c.succeed({got: e})"}, "index.handler"),
        ({"index.mjs": "export const handler = async (e) => ({got: e})"}, "index.handler"),
        ({"index.cjs": "module.exports = {a: {b: async (e) => ({got: e})}}"}, "index.a.b"),
        ({"index.js": "export const handler = async (e) => ({got: e})", "package.json": '{"type": "module"}'}, "index.handler"),
        ({"src/app.js": "exports.run = async (e) => ({got: e})"}, "src/app.run"),
        ({"index.mjs": "import {x} from './lib/x.mjs'; export const handler = async (e) => ({got: x(e)})", "lib/x.mjs": "export const x = (v) => v"}, "index.handler"),
    ],
)  # fmt: skip
def test_handlers_of_every_kind(bench, files, handler):
    function = bench.function(files, "nodejs20.x", handler)
    assert function({"n": 1}) == {"got": {"n": 1}}
    assert function([2]) == {"got": [2]}


def test_a_handler_that_returns_nothing_answers_null(bench):
    assert (
        bench.function(
            {"index.js": "exports.handler = async () => {}"}, "nodejs20.x", "index.handler"
        )()
        is None
    )


def test_errors_have_type_message_and_trace(bench):
    source = (
        "exports.handler = async (e) => { if (e === 1) throw new TypeError('no'); throw 'text' }"
    )
    function = bench.function({"index.js": source}, "nodejs20.x", "index.handler")
    error = function.error(1)
    assert (error["errorType"], error["errorMessage"]) == ("TypeError", "no")
    assert error["trace"][0] == "TypeError: no"
    assert function.error(2)["errorMessage"] == "text"


@pytest.mark.parametrize(
    ("files", "handler", "kind"),
    [
        ({"index.js": "require('nothing-here')"}, "index.handler", "Runtime.ImportModuleError"),
        ({"index.js": "exports.x = 1"}, "index.handler", "Runtime.HandlerNotFound"),
        ({"index.js": "exports.handler = ("}, "index.handler", "Runtime.UserCodeSyntaxError"),
        ({"other.js": ""}, "index.handler", "Runtime.ImportModuleError"),
    ],
)
def test_a_function_that_cannot_be_loaded_says_why(bench, files, handler, kind):
    assert bench.function(files, "nodejs20.x", handler).error()["errorType"] == kind


def test_an_uncaught_exception_ends_the_environment(bench):
    source = "exports.handler = async (e) => { setTimeout(() => { throw new Error('later') }, 1); await new Promise(() => {}) }"
    function = bench.function({"index.js": source}, "nodejs20.x", "index.handler", timeout_s=5)
    assert function.error()["errorMessage"] == "later"
    assert function.error()["errorMessage"] == "later"


def test_console_lines_have_time_request_and_level(bench):
    source = "exports.handler = async () => { console.log('a %s', 'b', {c: 1}); console.error('two\\nlines') }"
    function = bench.function({"index.js": source}, "nodejs20.x", "index.handler")
    tail = function.outcome().log_tail.decode()
    head = rf"\d{{4}}-\d\d-\d\dT[\d:.]+Z\t{function.spec.name}-request-1"
    assert re.search(rf"^{head}\tINFO\ta b {{ c: 1 }}$", tail, re.MULTILINE), tail
    assert re.search(rf"^{head}\tERROR\ttwo\nlines$", tail, re.MULTILINE), tail


def test_the_context_counts_the_time_down(bench):
    source = "exports.handler = async (e, c) => [c.functionName, c.awsRequestId, c.getRemainingTimeInMillis()]"
    function = bench.function({"index.js": source}, "nodejs20.x", "index.handler", timeout_s=9)
    name, request, left = function()
    assert (name, request) == (function.spec.name, f"{name}-request-1")
    assert 7000 < left <= 9000
