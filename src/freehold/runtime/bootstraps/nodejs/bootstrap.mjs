// The runtime client of Node.js functions: asks the Runtime API for events and gives them to the handler.
//
// It runs inside the sandbox with Node's own modules alone. What it does for a function (async and callback
// handlers, ES modules and CommonJS, the context object, error documents, log lines, response streaming) is
// what "Building Lambda functions with Node.js" (Lambda developer guide) describes.
import fs from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import util from "node:util";

const API = "/2018-06-01/runtime";
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const telemetry = Number(process.env._LAMBDA_TELEMETRY_LOG_FD ?? "-1");
delete process.env._LAMBDA_TELEMETRY_LOG_FD;
let requestId = "";

function writeAll(fd, buffer) {
  let offset = 0;
  while (offset < buffer.length) {
    try {
      offset += fs.writeSync(fd, buffer, offset);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

// One log event, which may have many lines.
function logEvent(text) {
  const raw = Buffer.from(text, "utf8");
  if (telemetry < 0) return writeAll(1, Buffer.concat([raw, Buffer.from("\n")]));
  const frame = Buffer.alloc(16);
  frame.writeUInt32BE(0xa55a0003, 0);
  frame.writeUInt32BE(raw.length, 4);
  frame.writeBigUInt64BE(BigInt(Date.now()) * 1000n, 8);
  writeAll(telemetry, Buffer.concat([frame, raw]));
}

function patchConsole() {
  const levels = { log: "INFO", info: "INFO", debug: "DEBUG", trace: "TRACE", warn: "WARN", error: "ERROR" };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) =>
      logEvent(`${new Date().toISOString()}\t${requestId || "undefined"}\t${level}\t${util.format(...values)}`);
  }
}

function call(method, target, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path: API + target, agent, headers }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => resolve({ headers: response.headers, body: Buffer.concat(pieces) }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

function errorDocument(error) {
  if (error instanceof Error || util.types.isNativeError(error)) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

async function loadHandler(name) {
  const root = process.env.LAMBDA_TASK_ROOT;
  const base = path.basename(name);
  const directory = name.slice(0, name.length - base.length);
  const dot = base.indexOf(".");
  if (dot < 0 || name.includes("..")) throw new RuntimeError("Runtime.MalformedHandlerName", "Bad handler");
  const stem = path.resolve(root, directory, base.slice(0, dot));
  const members = base.slice(dot + 1).split(".");
  const module = await loadModule(stem, path.join(directory, base.slice(0, dot)));
  let found = module;
  for (const member of members) found = found?.[member];
  if (found === undefined && module.default) {
    found = module.default;
    for (const member of members) found = found?.[member];
  }
  if (found === undefined) throw new RuntimeError("Runtime.HandlerNotFound", `${name} is undefined or not exported`);
  if (typeof found !== "function") throw new RuntimeError("Runtime.HandlerNotFound", `${name} is not a function`);
  return found;
}

async function loadModule(stem, shown) {
  const found = ["", ".js", ".mjs", ".cjs"].map((ending) => stem + ending).find((file) => isFile(file));
  try {
    if (found === undefined) {
      const require = createRequire(path.join(process.env.LAMBDA_TASK_ROOT, "index.js"));
      return require(require.resolve(stem));
    }
    if (found.endsWith(".mjs") || (found.endsWith(".js") && isModule(found))) return await import(pathToFileURL(found));
    return createRequire(found)(found);
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeError("Runtime.UserCodeSyntaxError", String(error));
    if (error.code === "MODULE_NOT_FOUND" || error.code === "ERR_MODULE_NOT_FOUND") {
      const message = found === undefined ? `Cannot find module '${shown}'` : error.message;
      throw new RuntimeError("Runtime.ImportModuleError", `Error: ${message}`);
    }
    throw error;
  }
}

function isFile(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
}

// Whether the nearest package.json makes a .js file an ES module.
function isModule(file) {
  for (let directory = path.dirname(file); ; directory = path.dirname(directory)) {
    const manifest = path.join(directory, "package.json");
    if (isFile(manifest)) {
      try {
        return JSON.parse(fs.readFileSync(manifest, "utf8")).type === "module";
      } catch {
        return false;
      }
    }
    if (directory === path.dirname(directory)) return false;
  }
}

function contextOf(headers, waiting) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const context = {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers["lambda-runtime-client-context"]),
    identity: parsed(headers["lambda-runtime-cognito-identity"]),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    get callbackWaitsForEmptyEventLoop() {
      return waiting.forEmptyLoop;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waiting.forEmptyLoop = value;
    },
  };
  return context;
}

function parsed(text) {
  return text ? JSON.parse(text) : undefined;
}

// Call a handler of either kind; resolves with its result.
function invoke(handler, event, context, waiting) {
  return new Promise((resolve, reject) => {
    const nothing = () => resolve(null);
    const done = (settle) => (value) => {
      process.off("beforeExit", nothing);
      if (waiting.forEmptyLoop) process.once("beforeExit", () => settle(value));
      else settle(value);
    };
    const callback = (error, result) => (error ? done(reject)(error) : done(resolve)(result));
    context.done = callback;
    context.succeed = (result) => callback(null, result);
    context.fail = (error) => callback(error ?? new Error("handled"));
    const result = handler(event, context, callback);
    if (typeof result?.then === "function") result.then(resolve, reject);
    // A handler that neither waits nor calls back ends when there is nothing left to do.
    else process.once("beforeExit", nothing);
  });
}

async function fail(error) {
  const document = errorDocument(error);
  logEvent(
    `${new Date().toISOString()}\t${requestId}\tERROR\tInvoke Error \t${JSON.stringify({ ...document, trace: undefined, stack: document.trace })}`,
  );
  await call("POST", `/invocation/${requestId}/error`, JSON.stringify(document), {
    "Content-Type": "application/json",
    "Lambda-Runtime-Function-Error-Type": document.errorType,
  });
}

// awslambda.streamifyResponse and awslambda.HttpResponseStream, for handlers that stream.
const STREAMS = Symbol("streams its response");
globalThis.awslambda = {
  streamifyResponse(handler, options) {
    handler[STREAMS] = options ?? {};
    return handler;
  },
  HttpResponseStream: {
    from(stream, prelude) {
      stream.setContentType?.("application/vnd.awslambda.http-integration-response");
      stream.write(JSON.stringify(prelude ?? {}));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

function respondInStream(handler, event, context) {
  return new Promise((resolve, reject) => {
    const stream = new PassThrough();
    let contentType = "application/octet-stream";
    stream.setContentType = (value) => (contentType = value);
    let request;
    stream.once("readable", () => {
      request = http.request(
        {
          host,
          port,
          agent,
          method: "POST",
          path: `${API}/invocation/${requestId}/response`,
          headers: { "Content-Type": contentType, "Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked" },
        },
        (response) => response.resume().on("end", resolve),
      );
      request.on("error", reject);
      stream.pipe(request);
    });
    Promise.resolve(handler(event, stream, context)).catch((error) => {
      if (request === undefined) reject(error);
      else request.destroy(error);
    });
  });
}

async function serve(handler) {
  for (;;) {
    const { headers, body } = await call("GET", "/invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    if (headers["lambda-runtime-trace-id"]) process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    else delete process.env._X_AMZN_TRACE_ID;
    const waiting = { forEmptyLoop: true };
    const context = contextOf(headers, waiting);
    try {
      const event = JSON.parse(body.toString("utf8"));
      if (handler[STREAMS]) {
        await respondInStream(handler, event, context);
      } else {
        const result = await invoke(handler, event, context, waiting);
        await call("POST", `/invocation/${requestId}/response`, JSON.stringify(result ?? null), {
          "Content-Type": "application/json",
        });
      }
    } catch (error) {
      await fail(error);
    }
    process.removeAllListeners("beforeExit");
  }
}

function die(kind) {
  return async (error) => {
    const document = errorDocument(error);
    logEvent(`${new Date().toISOString()}\t${requestId}\tERROR\t${kind} \t${JSON.stringify(document)}`);
    if (requestId) {
      const wrapped = kind === "Unhandled Promise Rejection" ? { ...document, errorType: "Runtime.UnhandledPromiseRejection" } : document;
      await call("POST", `/invocation/${requestId}/error`, JSON.stringify(wrapped), { "Content-Type": "application/json" });
    }
    process.exit(128);
  };
}

patchConsole();
process.on("uncaughtException", die("Uncaught Exception"));
process.on("unhandledRejection", die("Unhandled Promise Rejection"));
try {
  const handler = await loadHandler(process.env._HANDLER);
  // Keeps Node alive while it waits for events; the wait itself is a socket.
  await serve(handler);
} catch (error) {
  const document = errorDocument(error);
  logEvent(`${new Date().toISOString()}\tundefined\tERROR\tUncaught Exception \t${JSON.stringify(document)}`);
  await call("POST", "/init/error", JSON.stringify(document), {
    "Content-Type": "application/json",
    "Lambda-Runtime-Function-Error-Type": document.errorType,
  });
  process.exit(1);
}
