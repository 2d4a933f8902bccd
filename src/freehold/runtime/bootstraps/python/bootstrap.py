"""The runtime client of Python functions: asks the Runtime API for events and gives them to the handler.

It runs inside the sandbox, under the function's own Python (3.9 or later), with the standard library alone.
What it does for a function (context object, error documents, log lines, search path) is what "Building
Lambda functions with Python" (Lambda developer guide) describes.
"""

import decimal
import importlib
import json
import logging
import os
import socket
import struct
import sys
import time
import traceback

_FRAME_TEXT = 0xA55A0003
_OWN_SDK = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_API = "/2018-06-01/runtime"


def run():
    """Load the handler, then serve events until the platform ends the environment."""
    telemetry = Telemetry(int(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", "-1")))
    sys.stdout = sys.stderr = LineWriter(telemetry)
    set_search_path()
    handler_of_log = set_up_logging(telemetry)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except HandlerFault as fault:
        telemetry.line(fault.log_text())
        api.init_error(fault.document())
        sys.exit(1)
    except SystemExit:
        raise
    except BaseException as error:
        document = error_document(error, "")
        telemetry.line(error_text(document))
        api.init_error(document)
        sys.exit(1)
    event = api.next()
    while True:
        handler_of_log.request_id = event.request_id
        answer, failed = handle(handler, event, telemetry)
        sys.stdout.flush()
        event = api.answer(event.request_id, answer, failed)


def handle(handler, event, telemetry):
    """One event: (the JSON of the answer or of the error, whether it is an error)."""
    if event.trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = event.trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        payload = json.loads(event.body)
    except ValueError as error:
        fault = HandlerFault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error)
        return fail(fault.document(event.request_id), telemetry)
    try:
        result = handler(payload, LambdaContext(event))
    except Exception as error:
        return fail(error_document(error, event.request_id), telemetry)
    try:
        return json.dumps(result, ensure_ascii=False, default=encode_special).encode(), False
    except (TypeError, ValueError) as error:
        fault = HandlerFault("Runtime.MarshalError", "Unable to marshal response: %s" % error)
        return fail(fault.document(event.request_id), telemetry)


def fail(document, telemetry):
    telemetry.line(error_text(document))
    return json.dumps(document, ensure_ascii=False).encode(), True


def encode_special(value):
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


class HandlerFault(Exception):
    """The function cannot be called at all; `kind` is the errorType."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)

    def document(self, request_id=""):
        return {
            "errorMessage": str(self),
            "errorType": self.kind,
            "requestId": request_id,
            "stackTrace": self.trace,
        }

    def log_text(self):
        return error_text(self.document())


def load_handler(name):
    module_name, separator, function_name = name.rpartition(".")
    if not separator or not module_name:
        raise HandlerFault(
            "Runtime.MalformedHandlerName",
            "Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name,
        )
    module_path = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_path)
    except ImportError as error:
        raise HandlerFault(
            "Runtime.ImportModuleError",
            "Unable to import module '%s': %s" % (module_name, error),
        ) from None
    except SyntaxError as error:
        trace = ['  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)]
        raise HandlerFault(
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module '%s': %s" % (module_name, error),
            trace,
        ) from None
    if not hasattr(module, function_name):
        raise HandlerFault(
            "Runtime.HandlerNotFound",
            "Handler '%s' missing on module '%s'" % (function_name, module_name),
        )
    return getattr(module, function_name)


def set_search_path():
    """/var/task first, then the layers, then what the runtime brings (an SDK among it)."""
    task_root = os.environ["LAMBDA_TASK_ROOT"]
    opt = os.environ.get("_FREEHOLD_OPT", "/opt")
    version = "python%d.%d" % sys.version_info[:2]
    layers = [
        os.path.join(opt, "python"),
        os.path.join(opt, "python", "lib", version, "site-packages"),
    ]
    extra = [path for path in os.environ.get("PYTHONPATH", "").split(":") if path]
    brought = [path for path in (task_root, *layers, *extra) if os.path.isdir(path)]
    if any(os.path.isdir(os.path.join(path, name)) for path in brought for name in _OWN_SDK[:2]):
        for name in list(sys.modules):
            if name.partition(".")[0] in _OWN_SDK:
                del sys.modules[name]
    sys.path[:0] = brought
    importlib.invalidate_caches()


def error_document(error, request_id):
    trace = traceback.extract_tb(error.__traceback__)
    own = os.path.abspath(__file__)
    lines = [
        line for entry, line in zip(trace, traceback.format_list(trace)) if _not_ours(entry, own)
    ]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": lines,
    }


def _not_ours(entry, own):
    return os.path.abspath(entry.filename) != own and "importlib" not in entry.filename


def error_text(document):
    """How an error reads in the log: one event, with its traceback."""
    text = "[ERROR] %s: %s" % (document["errorType"], document["errorMessage"])
    if document["stackTrace"]:
        text += "\nTraceback (most recent call last):\n" + "".join(document["stackTrace"])
    return text.rstrip("\n")


class Telemetry:
    """Log events on a pipe of their own, framed, so that one event may have many lines."""

    def __init__(self, handle):
        self._handle = handle

    def line(self, text):
        raw = text.encode("utf-8", "replace")
        if self._handle < 0:
            os.write(1, raw + b"\n")
            return
        frame = struct.pack(">IIQ", _FRAME_TEXT, len(raw), int(time.time() * 1_000_000)) + raw
        while frame:
            frame = frame[os.write(self._handle, frame) :]


class LineWriter:
    """sys.stdout and sys.stderr: each line is a log event."""

    encoding = "utf-8"
    errors = "replace"
    closed = False
    name = "<stdout>"
    mode = "w"

    def __init__(self, telemetry):
        self._telemetry = telemetry
        self._partial = ""

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._telemetry.line(line)
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        if self._partial:
            self._telemetry.line(self._partial)
            self._partial = ""

    def isatty(self):
        return False

    def writable(self):
        return True

    def readable(self):
        return False

    def fileno(self):
        return 1

    def close(self):
        self.flush()

    @property
    def buffer(self):
        return open(1, "wb", buffering=0, closefd=False)


class LogHandler(logging.Handler):
    """Python's logging in Lambda's form; a record is one log event."""

    def __init__(self, telemetry):
        super().__init__()
        self._telemetry = telemetry
        self.request_id = ""
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
            "%Y-%m-%dT%H:%M:%S",
        )
        formatter.converter = time.gmtime
        self.setFormatter(formatter)

    def emit(self, record):
        record.aws_request_id = self.request_id
        try:
            self._telemetry.line(self.format(record))
        except Exception:
            self.handleError(record)


def set_up_logging(telemetry):
    handler = LogHandler(telemetry)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    return handler


class Event:
    """One invocation as the Runtime API gives it."""

    def __init__(self, headers, body):
        self.body = body
        self.request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.deadline_ms = int(headers.get("lambda-runtime-deadline-ms", "0"))
        self.invoked_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.trace_id = headers.get("lambda-runtime-trace-id", "")
        self.client_context = headers.get("lambda-runtime-client-context")
        self.identity = headers.get("lambda-runtime-cognito-identity")


class RuntimeApi:
    """The Runtime API over one connection. An answer and the wait for the next event travel together."""

    def __init__(self, address):
        host, _, port = address.partition(":")
        self._host = address
        self._socket = socket.create_connection((host, int(port)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self._next = (
            "GET %s/invocation/next HTTP/1.1\r\nHost: %s\r\n\r\n" % (_API, address)
        ).encode()

    def next(self):
        self._socket.sendall(self._next)
        return Event(*self._response())

    def answer(self, request_id, document, failed):
        """Answer an event, and return the next one."""
        path = "%s/invocation/%s/%s" % (_API, request_id, "error" if failed else "response")
        self._socket.sendall(self._post(path, document) + self._next)
        self._response()
        return Event(*self._response())

    def init_error(self, document):
        self._socket.sendall(self._post(_API + "/init/error", json.dumps(document).encode()))
        self._response()

    def _post(self, path, body):
        head = "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        return (head % (path, self._host, len(body))).encode() + body

    def _response(self):
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        headers = {}
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.strip().decode()
        length = int(headers.get("content-length", "0"))
        while len(rest) < length:
            self._buffer = b""
            self._receive()
            rest += self._buffer
        self._buffer = rest[length:]
        return headers, rest[:length]

    def _receive(self):
        piece = self._socket.recv(1 << 20)
        if not piece:
            os._exit(0)
        self._buffer += piece


class LambdaContext:
    """What a handler gets as its second argument."""

    def __init__(self, event):
        environment = os.environ
        self.aws_request_id = event.request_id
        self.invoked_function_arn = event.invoked_arn
        self.function_name = environment.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environment.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environment.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = CognitoIdentity(event.identity)
        self.client_context = client_context(event.client_context)
        self.tenant_id = None
        self._deadline_ms = event.deadline_ms

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        return "LambdaContext([aws_request_id=%s,function_name=%s])" % (
            self.aws_request_id,
            self.function_name,
        )


class CognitoIdentity:
    def __init__(self, text):
        known = json.loads(text) if text else {}
        self.cognito_identity_id = known.get("cognitoIdentityId")
        self.cognito_identity_pool_id = known.get("cognitoIdentityPoolId")


class Client:
    installation_id = app_title = app_version_name = app_version_code = app_package_name = None


class ClientContext:
    custom = env = client = None


def client_context(text):
    if not text:
        return None
    known = json.loads(text)
    found = ClientContext()
    found.custom = known.get("custom")
    found.env = known.get("env")
    found.client = Client()
    for name, value in (known.get("client") or {}).items():
        setattr(found.client, name, value)
    return found


if __name__ == "__main__":
    sys.modules["bootstrap"] = sys.modules["__main__"]
    run()
