/** Endpoints about processes started in running containers. */
import type { ExecStartRequest } from "../api/container-config.ts";
import { execCreateRequest, execStartRequest } from "../api/container-shapes.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM } from "../api/media-types.ts";
import { atLeast } from "../api/version.ts";
import { EngineError, fromUnknown } from "../base/errors.ts";
import { detachKeysOf, serveAttachment } from "./attachment.ts";
import type { AttachedClient, ExecsBackend } from "./containers-backend.ts";
import { containerNameOf } from "./containers-router.ts";
import type { Exchange, Handler, HijackExchange, HijackHandler, TakenConnection } from "./exchange.ts";

export function execRoutes(execs: ExecsBackend) {
  return {
    execCreate: (exchange) => create(execs, exchange),
    // `wait` is berth's own: the answer comes with the program's end, a round trip before a client that asks then.
    execInspect: async (exchange) => {
      const untilEnd = exchange.query.flag("wait") ? exchange.signal : undefined;
      exchange.json(200, await execs.inspect(idOf(exchange), untilEnd));
    },
    execResize: async (exchange) => {
      const rows = exchange.query.uint32("h", "resize height");
      const columns = exchange.query.uint32("w", "resize width");
      await execs.resize(idOf(exchange), rows, columns);
      exchange.empty(200);
    },
  } satisfies Record<string, Handler>;
}

export function execHijacks(execs: ExecsBackend) {
  return {
    execStart: (exchange) => start(execs, exchange),
  } satisfies Record<string, HijackHandler>;
}

async function create(execs: ExecsBackend, exchange: Exchange): Promise<void> {
  const request = (await exchange.readJson(execCreateRequest, "ExecCreateRequest")) ?? {};
  if ((request.Cmd ?? []).length === 0) throw new EngineError("invalid", "No exec command specified");
  if (!atLeast(exchange.version, "1.42")) request.ConsoleSize = null;
  exchange.json(201, await execs.create(containerNameOf(exchange), request));
}

async function start(execs: ExecsBackend, exchange: HijackExchange): Promise<void> {
  const request = (await exchange.readJson(execStartRequest, "ExecStartRequest")) ?? {};
  const id = idOf(exchange);
  if (request.Detach === true) {
    await execs.startDetached(id);
    exchange.empty(200);
    return;
  }
  // The answer's form follows this request, not the exec: clients read what they asked for here.
  const framed = request.Tty !== true;
  const size = framed || !atLeast(exchange.version, "1.42") ? undefined : knownSize(request.ConsoleSize);
  const type = framed && atLeast(exchange.version, "1.42") ? MULTIPLEXED_STREAM : RAW_STREAM;
  const { client, connection } = await startAttached(execs, id, size, () => exchange.takeOver(type));
  if (connection.input === undefined && !client.tty) client.endInput();
  const detachKeys = detachKeysOf(client.detachKeys ?? "");
  await serveAttachment(connection, client, { framed, stdin: true, detachKeys }, exchange.signal);
}

/** A client without a terminal of its own sends zeroes. */
function knownSize(size: ExecStartRequest["ConsoleSize"]): readonly [number, number] | undefined {
  return size && size[0] > 0 && size[1] > 0 ? size : undefined;
}

/**
 * The answer's head leaves before the program runs, as Docker's does: docker-py loses what comes in one piece with it. A
 * start that fails then is told in the stream, and clients ask for the exit code (126, 127). What is refused before has a
 * status.
 */
async function startAttached(
  execs: ExecsBackend,
  id: string,
  size: readonly [number, number] | undefined,
  takeOver: () => TakenConnection,
): Promise<{ client: AttachedClient; connection: TakenConnection }> {
  let connection: TakenConnection | undefined;
  try {
    const client = await execs.startAttached(id, size, () => {
      connection = takeOver();
    });
    return { client, connection: connection ?? takeOver() };
  } catch (thrown) {
    if (connection === undefined) throw thrown;
    return { client: failedStart(fromUnknown(thrown).message), connection };
  }
}

/** A client whose whole output is the message. */
function failedStart(message: string): AttachedClient {
  async function* output() {
    yield { stream: "stdout" as const, data: Buffer.from(`${message}\r\n`) };
  }
  return {
    tty: false,
    output: output(),
    write: () => Promise.resolve(),
    endInput: () => {},
    detached: () => {},
    close: () => {},
  };
}

function idOf(exchange: { readonly params: Readonly<Record<string, string>> }): string {
  const id = exchange.params.id ?? "";
  if (id === "") throw new EngineError("notFound", "No such exec instance: ");
  return id;
}
