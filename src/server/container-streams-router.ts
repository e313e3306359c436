/** Endpoints about containers that stay open: wait, logs, attach. */
import { JSON_TYPE, MULTIPLEXED_STREAM, RAW_STREAM } from "../api/media-types.ts";
import { encodeFrame } from "../api/stream-frames.ts";
import { parseTimestampNs } from "../api/timestamps.ts";
import { atLeast } from "../api/version.ts";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { detachKeysOf, serveAttachment, serveMessages } from "./attachment.ts";
import type {
  AttachOptions,
  ContainersBackend,
  LogOptions,
  OutputChunk,
  WaitCondition,
} from "./containers-backend.ts";
import { containerNameOf } from "./containers-router.ts";
import type { Exchange, Handler, HijackExchange, HijackHandler, ResponseBody } from "./exchange.ts";
import type { Query } from "./query.ts";

export function containerStreamRoutes(containers: ContainersBackend) {
  return {
    containerWait: (exchange) => wait(containers, exchange),
    containerLogs: (exchange) => logs(containers, exchange),
  } satisfies Record<string, Handler>;
}

export function containerHijacks(containers: ContainersBackend) {
  return {
    containerAttach: (exchange) => attach(containers, exchange),
    containerAttachWebSocket: (exchange) => attachWebSocket(containers, exchange),
  } satisfies Record<string, HijackHandler>;
}

const WAIT_CONDITIONS: readonly WaitCondition[] = ["not-running", "next-exit", "removed"];

/**
 * The head leaves as soon as the wait is in place: `docker run` starts its container only after that, so that it never
 * misses the end of a short one.
 */
async function wait(containers: ContainersBackend, exchange: Exchange): Promise<void> {
  const { version, signal } = exchange;
  const earlyHead = atLeast(version, "1.30");
  const asked = earlyHead ? exchange.query.text("condition") : "";
  const condition = asked === "" ? "not-running" : WAIT_CONDITIONS.find((known) => known === asked);
  if (condition === undefined) {
    throw new EngineError("invalid", `invalid condition: ${JSON.stringify(asked)}`);
  }
  const { result } = await containers.wait(containerNameOf(exchange), condition, signal);
  if (!earlyHead) {
    exchange.json(200, await result);
    return;
  }
  const body = exchange.begin(200, JSON_TYPE);
  try {
    body.end(`${JSON.stringify(await result)}\n`);
  } catch (thrown) {
    const { message } = fromUnknown(thrown);
    // Nothing else is left to say it with: the status has gone.
    if (signal.aborted) body.end();
    else body.end(`${JSON.stringify({ StatusCode: -1, Error: { Message: message } })}\n`);
  }
}

async function logs(containers: ContainersBackend, exchange: Exchange): Promise<void> {
  const { version, signal } = exchange;
  const options = logOptions(exchange.query);
  const { tty, entries } = await containers.logs(containerNameOf(exchange), options, signal);
  const framed = !tty;
  const type = framed && atLeast(version, "1.42") ? MULTIPLEXED_STREAM : RAW_STREAM;
  await writeEntries(exchange.begin(200, type), entries, framed, signal);
}

function logOptions(query: Query): LogOptions {
  const stdout = query.flag("stdout");
  const stderr = query.flag("stderr");
  if (!stdout && !stderr) {
    throw new EngineError("invalid", "Bad parameters: you must choose at least one stream");
  }
  if (query.flag("details")) {
    throw new EngineError("unimplemented", "details of log lines are not available yet in berth");
  }
  return {
    stdout,
    stderr,
    follow: query.flag("follow"),
    timestamps: query.flag("timestamps"),
    sinceNs: parseTimestampNs(query.text("since")),
    untilNs: parseTimestampNs(query.text("until")),
    tail: tailOf(query.text("tail")),
  };
}

/** `all`, a negative number and everything that is no number mean all lines, as in Docker. */
function tailOf(text: string): number | undefined {
  const lines = /^[+-]?[0-9]+$/.test(text) ? Number(text) : -1;
  return lines < 0 || !Number.isSafeInteger(lines) ? undefined : lines;
}

async function writeEntries(
  body: ResponseBody,
  entries: AsyncIterable<OutputChunk>,
  framed: boolean,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { stream, data } of entries) {
      const room = body.write(framed ? encodeFrame(stream, data) : data);
      if (room !== undefined) await room;
      if (signal.aborted) break;
    }
  } catch (thrown) {
    if (!signal.aborted) await reportInStream(body, thrown, framed);
  } finally {
    body.end();
  }
}

async function reportInStream(body: ResponseBody, thrown: unknown, framed: boolean): Promise<void> {
  const text = Buffer.from(`Error grabbing logs: ${fromUnknown(thrown).message}\n`);
  await body.write(framed ? encodeFrame("systemError", text) : text);
}

async function attach(containers: ContainersBackend, exchange: HijackExchange): Promise<void> {
  const { query, version } = exchange;
  const detachKeys = detachKeysOf(query.text("detachKeys"));
  const options = attachOptions(query);
  const client = await containers.attach(containerNameOf(exchange), options);
  const framed = !client.tty;
  const type = framed && atLeast(version, "1.42") ? MULTIPLEXED_STREAM : RAW_STREAM;
  const connection = exchange.takeOver(type);
  await serveAttachment(connection, client, { framed, stdin: options.stdin, detachKeys }, exchange.signal);
}

function attachOptions(query: Query): AttachOptions {
  return {
    stdin: query.flag("stdin"),
    stdout: query.flag("stdout"),
    stderr: query.flag("stderr"),
    logs: query.flag("logs"),
    stream: query.flag("stream"),
  };
}

async function attachWebSocket(containers: ContainersBackend, exchange: HijackExchange): Promise<void> {
  const { query, version } = exchange;
  const detachKeys = detachKeysOf(query.text("detachKeys"));
  // Older clients could not choose: they always got all three.
  const all = atLeast(version, "1.42") ? {} : { stdin: true, stdout: true, stderr: true };
  const options = { ...attachOptions(query), ...all };
  const client = await containers.attach(containerNameOf(exchange), options);
  try {
    const connection = await exchange.takeOverWebSocket();
    const binary = atLeast(version, "1.28");
    await serveMessages(connection, client, { stdin: options.stdin, binary, detachKeys }, exchange.signal);
  } finally {
    client.close();
  }
}
