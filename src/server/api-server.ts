/** The Engine API over HTTP: finds the endpoint, runs it, answers errors, closes gracefully. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { RouteName } from "../api/routes.ts";
import {
  compareVersions,
  MAX_API_VERSION,
  MIN_API_VERSION,
  MIN_ARCHIVE_API_VERSION,
  NEWEST_API_VERSION,
  parseApiVersion,
  splitVersionPrefix,
} from "../api/version.ts";
import { EngineError } from "../base/errors.ts";
import type { ContainerFilesBackend } from "../engine/containers/archive/container-files-use-cases.ts";
import type { RegistryBackend } from "../engine/images/registry-use-cases.ts";
import type { ImageArchivesBackend } from "../engine/images/save-images.ts";
import type { StorageBackend } from "../engine/images/storage-use-cases.ts";
import type { Logger } from "../host/logger.ts";
import { containerArchiveRoutes } from "./container-archive-router.ts";
import { containerFilesRoutes } from "./container-files-router.ts";
import { containerHijacks, containerStreamRoutes } from "./container-streams-router.ts";
import type { ContainersBackend, ExecsBackend } from "./containers-backend.ts";
import { containerRoutes } from "./containers-router.ts";
import { answerOf } from "./error-table.ts";
import type { Handler, HijackHandler, RequestHead } from "./exchange.ts";
import { execHijacks, execRoutes } from "./execs-router.ts";
import { HttpExchange } from "./http-exchange.ts";
import { imageArchiveRoutes } from "./image-archives-router.ts";
import type { ImagesBackend } from "./images-backend.ts";
import { imageRoutes } from "./images-router.ts";
import { readBody } from "./json-body.ts";
import type { ListenAddress } from "./listen-address.ts";
import { createListener, listen } from "./listeners.ts";
import { Query } from "./query.ts";
import { registryRoutes } from "./registry-router.ts";
import { matchRoute, parseTarget } from "./router.ts";
import { storageRoutes } from "./storage-router.ts";
import type { SystemBackend } from "./system-backend.ts";
import { systemRoutes } from "./system-router.ts";
import { UNAVAILABLE_ROUTES } from "./unavailable-routes.ts";
import { endWithAnswer, UpgradeExchange } from "./upgrade-exchange.ts";

export interface Backends {
  readonly containers: ContainersBackend;
  readonly execs: ExecsBackend;
  readonly files: ContainerFilesBackend;
  readonly images: ImagesBackend;
  readonly archives: ImageArchivesBackend;
  readonly registry: RegistryBackend;
  readonly storage: StorageBackend;
  readonly system: SystemBackend;
}

export interface ApiServer {
  /** Resolves with the address in use (a port of 0 has been replaced). May be called for several addresses. */
  listen(address: ListenAddress): Promise<ListenAddress>;
  /**
   * Stops accepting, ends what stays open (attach, events, followed logs, waits), lets the rest finish for up to `graceMs`
   * (default 5 s), then cuts it off.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

type HijackRoute = "containerAttach" | "containerAttachWebSocket" | "execStart";
type Hijacks = Readonly<Record<HijackRoute, HijackHandler>>;
type Handlers = Readonly<Record<Exclude<RouteName, HijackRoute>, Handler>>;
interface Located {
  readonly name: RouteName;
  readonly head: RequestHead;
}

const DEFAULT_GRACE_MS = 5_000;
/** Nothing about them has changed since. */
const ARCHIVE_ROUTES: ReadonlySet<RouteName> = new Set(["imageSave", "imageSaveSeveral", "imageLoad"]);

export function createApiServer(
  backends: Backends,
  options: { readonly version: string; readonly logger: Logger },
): ApiServer {
  return new HttpApiServer(backends, options.version, options.logger);
}

class HttpApiServer implements ApiServer {
  readonly #handlers: Handlers;
  readonly #hijacks: Hijacks;
  readonly #logger: Logger;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #servers: Server[] = [];
  /** Connections that left HTTP: the servers no longer know them. */
  readonly #taken = new Set<Duplex>();
  readonly #shutdown = new AbortController();

  constructor(backends: Backends, version: string, logger: Logger) {
    this.#handlers = {
      ...UNAVAILABLE_ROUTES,
      ...systemRoutes(backends.system),
      ...imageRoutes(backends.images, backends.registry),
      ...imageArchiveRoutes(backends.archives),
      ...registryRoutes(backends.registry),
      ...storageRoutes(backends.storage),
      ...containerRoutes(backends.containers),
      ...containerArchiveRoutes(backends.files),
      ...containerFilesRoutes(backends.files),
      ...containerStreamRoutes(backends.containers),
      ...execRoutes(backends.execs),
    };
    this.#hijacks = { ...containerHijacks(backends.containers), ...execHijacks(backends.execs) };
    this.#logger = logger;
    this.#headers = {
      "Api-Version": MAX_API_VERSION,
      "Docker-Experimental": "false",
      Ostype: "linux",
      Server: `Berth/${version} (linux)`,
    };
  }

  async listen(address: ListenAddress): Promise<ListenAddress> {
    const server = createListener(address, (request) => this.#mayUpgrade(request));
    server.on("request", (request, response) => this.#serve(request, response));
    server.on("upgrade", (request, socket, early) => void this.#serveUpgrade(request, socket, early));
    await listen(server, address);
    this.#servers.push(server);
    if (address.kind === "unix") return address;
    return { ...address, port: (server.address() as AddressInfo).port };
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    const stopped = this.#servers.map((server) => new Promise<void>((done) => server.close(() => done())));
    this.#shutdown.abort(new EngineError("unavailable", "the daemon is shutting down"));
    const closeIdle = () => this.#servers.map((server) => server.closeIdleConnections());
    closeIdle();
    // A busy connection becomes idle, not closed, when its answer has ended.
    const idling = setInterval(closeIdle, 20);
    const left = [...this.#taken].map((socket) => new Promise<void>((gone) => socket.once("close", gone)));
    const { promise: graceIsOver, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, options.graceMs ?? DEFAULT_GRACE_MS);
    await Promise.race([Promise.all([...stopped, ...left]), graceIsOver]);
    clearTimeout(timer);
    clearInterval(idling);
    for (const server of this.#servers) server.closeAllConnections();
    for (const socket of this.#taken) socket.destroy();
    await Promise.all(stopped);
  }

  /** Throws invalid for a broken target or an unknown version, notFound for what is no endpoint. */
  #locate(request: IncomingMessage): Located {
    const target = parseTarget(request.url ?? "/");
    const { versionText, rest } = splitVersionPrefix(target.path);
    const method = request.method ?? "GET";
    const match = matchRoute(method, rest);
    if (match === undefined) throw new EngineError("notFound", "page not found");
    const oldest = ARCHIVE_ROUTES.has(match.name) ? MIN_ARCHIVE_API_VERSION : MIN_API_VERSION;
    const version = versionText === undefined ? NEWEST_API_VERSION : parseApiVersion(versionText, oldest);
    const query = new Query(target.query);
    const { name, params } = match;
    return { name, head: { method, path: rest, params, query, version, headers: request.headers } };
  }

  /** Others, such as Java's `Upgrade: h2c`, are served as if they had not asked. */
  #mayUpgrade(request: IncomingMessage): boolean {
    try {
      const { path } = parseTarget(request.url ?? "/");
      const match = matchRoute(request.method ?? "GET", splitVersionPrefix(path).rest);
      return match !== undefined && match.name in this.#hijacks;
    } catch {
      return false;
    }
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    // The client's breaking off is told by 'close'; unheard, an error would end the daemon.
    request.on("error", () => {});
    response.on("error", () => {});
    if (request.method === "OPTIONS") {
      response.writeHead(200, { ...this.#headers, "Content-Length": "0" }).end();
      return;
    }
    const fail = (thrown: unknown) => this.#fail(request, response, thrown);
    try {
      const { name, head } = this.#locate(request);
      const exchange = new HttpExchange(head, request, response, this.#headers, this.#shutdown.signal);
      const work = isHijack(name) ? this.#hijacks[name](exchange) : this.#handlers[name](exchange);
      if (work instanceof Promise) work.catch(fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, thrown: unknown): void {
    const { status, type, body } = this.#describe(request, thrown);
    if (response.headersSent) {
      // The status has gone: a broken connection is the only way left to say that the answer is not whole.
      response.destroy();
      return;
    }
    if (body === undefined) {
      response.writeHead(status, this.#headers).end();
      return;
    }
    const length = Buffer.byteLength(body);
    response
      .writeHead(status, { ...this.#headers, "Content-Type": type, "Content-Length": length })
      .end(body);
  }

  async #serveUpgrade(request: IncomingMessage, socket: Duplex, early: Buffer): Promise<void> {
    const gone = new AbortController();
    const abort = () => gone.abort(new EngineError("canceled", "the client went away"));
    this.#taken.add(socket);
    this.#shutdown.signal.addEventListener("abort", abort, { once: true });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#taken.delete(socket);
      this.#shutdown.signal.removeEventListener("abort", abort);
      abort();
    });
    // Listened for in this very turn: a body that comes with the head is lost otherwise.
    const body = readBody(request, this.#shutdown.signal);
    let exchange: UpgradeExchange | undefined;
    try {
      const [{ name, head }, bytes] = [this.#locate(request), await body];
      if (!isHijack(name)) throw new EngineError("notFound", "page not found");
      exchange = new UpgradeExchange(
        head,
        { request, socket, early, body: bytes },
        this.#headers,
        gone.signal,
      );
      await this.#hijacks[name](exchange);
    } catch (thrown) {
      body.catch(() => {});
      const { status, type, body: text } = this.#describe(request, thrown);
      if (exchange?.answered === true) socket.destroy();
      else endWithAnswer(socket, status, { ...this.#headers, "Content-Type": type }, text ?? "");
    }
  }

  /** Logs what is not the client's fault: here, once. */
  #describe(
    request: IncomingMessage,
    thrown: unknown,
  ): { status: number; type: string; body: string | undefined } {
    const { status, body, error } = answerOf(thrown);
    const canceled = error.kind === "canceled";
    if (status >= 500 && status !== 501 && !canceled) {
      const fields = { error: error.message, kind: error.kind, stack: stackOf(thrown) };
      this.#logger.error(`Handler for ${request.method} ${request.url} returned error`, fields);
    }
    const { versionText } = splitVersionPrefix(request.url ?? "/");
    // Clients from before 1.24 know no JSON errors and would print the braces.
    if (
      body !== undefined &&
      versionText !== undefined &&
      compareVersions(versionText, MIN_API_VERSION) < 0
    ) {
      return { status, type: "text/plain; charset=utf-8", body: `${body.message}\n` };
    }
    return { status, type: "application/json", body: body && `${JSON.stringify(body)}\n` };
  }
}

function isHijack(name: RouteName): name is HijackRoute {
  return name === "containerAttach" || name === "containerAttachWebSocket" || name === "execStart";
}

/** Where a bug is, for the log only; an expected error explains itself. */
function stackOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && !(thrown instanceof EngineError) ? thrown.stack : undefined;
}
