import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ExecCreateRequest,
} from "../api/container-config.ts";
import type {
  ContainerInspectView,
  ContainerSummary,
  ContainerTopView,
  ContainerWaitView,
  ExecInspectView,
} from "../api/container-views.ts";
import type {
  ImageDeleteEntry,
  ImageInspectView,
  ImageSummary,
  ProgressMessage,
} from "../api/image-views.ts";
import type { EventMessage, InfoView, VersionView } from "../api/system-views.ts";
import { EngineError, type ErrorKind } from "../base/errors.ts";
import { jsonLines } from "./json-lines.ts";
import type { HijackedStream, Transport, TransportRequest, TransportResponse } from "./transport.ts";

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

const API_PREFIX = "/v1.50";

const KIND_OF_STATUS: Readonly<Record<number, ErrorKind>> = {
  304: "notModified",
  400: "invalid",
  401: "unauthenticated",
  403: "denied",
  404: "notFound",
  409: "conflict",
  501: "unimplemented",
  503: "unavailable",
};

/**
 * The Engine API as typed calls. An answer with an error status is thrown as EngineError with the daemon's own message;
 * `details.status` holds the status.
 */
export class EngineClient {
  constructor(private readonly transport: Transport) {}

  // Containers
  createContainer(request: ContainerCreateRequest, name?: string): Promise<ContainerCreateResponse> {
    return this.#json("POST", "/containers/create", { name }, request);
  }
  async startContainer(ref: string): Promise<void> {
    await this.#call("POST", container(ref, "start"));
  }
  async stopContainer(ref: string, options: { t?: number; signal?: string }): Promise<void> {
    await this.#call("POST", container(ref, "stop"), options);
  }
  async restartContainer(ref: string, options: { t?: number; signal?: string }): Promise<void> {
    await this.#call("POST", container(ref, "restart"), options);
  }
  async killContainer(ref: string, signal?: string): Promise<void> {
    await this.#call("POST", container(ref, "kill"), { signal });
  }
  async pauseContainer(ref: string): Promise<void> {
    await this.#call("POST", container(ref, "pause"));
  }
  async unpauseContainer(ref: string): Promise<void> {
    await this.#call("POST", container(ref, "unpause"));
  }
  async renameContainer(ref: string, name: string): Promise<void> {
    await this.#call("POST", container(ref, "rename"), { name });
  }
  async removeContainer(
    ref: string,
    options: { force?: boolean; v?: boolean; link?: boolean },
  ): Promise<void> {
    await this.#call("DELETE", `/containers/${encodeURIComponent(ref)}`, options);
  }
  async resizeContainer(ref: string, h: number, w: number): Promise<void> {
    await this.#call("POST", container(ref, "resize"), { h, w });
  }
  listContainers(query: Query): Promise<ContainerSummary[]> {
    return this.#json("GET", "/containers/json", query);
  }
  inspectContainer(ref: string, size = false): Promise<ContainerInspectView> {
    return this.#json("GET", container(ref, "json"), { size: size || undefined });
  }
  topContainer(ref: string, psArgs?: string): Promise<ContainerTopView> {
    return this.#json("GET", container(ref, "top"), { ps_args: psArgs });
  }
  /** Resolves when the daemon has registered the wait; `result` when the condition came true. */
  async waitContainer(
    ref: string,
    condition: string,
    signal?: AbortSignal,
  ): Promise<{ result: Promise<ContainerWaitView> }> {
    const response = await this.#call("POST", container(ref, "wait"), { condition }, { signal });
    const result = response.text().then((text) => JSON.parse(text) as ContainerWaitView);
    // Whoever asked may fail before it awaits the result.
    result.catch(() => {});
    return { result };
  }
  /** The raw or multiplexed bytes of the log, by `contentType`. */
  async containerLogs(ref: string, query: Query, signal?: AbortSignal): Promise<TransportResponse> {
    return this.#call("GET", container(ref, "logs"), query, { signal });
  }
  attachContainer(ref: string, query: Query): Promise<HijackedStream> {
    return this.#hijack(container(ref, "attach"), query, "");
  }

  // Exec
  createExec(ref: string, request: ExecCreateRequest): Promise<{ Id: string }> {
    return this.#json("POST", container(ref, "exec"), {}, request);
  }
  async startExecDetached(id: string): Promise<void> {
    await this.#call("POST", `/exec/${id}/start`, {}, { json: { Detach: true } });
  }
  startExec(id: string, body: { Tty: boolean; ConsoleSize?: [number, number] }): Promise<HijackedStream> {
    return this.#hijack(`/exec/${id}/start`, {}, JSON.stringify({ Detach: false, ...body }));
  }
  async resizeExec(id: string, h: number, w: number): Promise<void> {
    await this.#call("POST", `/exec/${id}/resize`, { h, w });
  }
  inspectExec(id: string): Promise<ExecInspectView> {
    return this.#json("GET", `/exec/${id}/json`);
  }

  // Images
  listImages(query: Query): Promise<ImageSummary[]> {
    return this.#json("GET", "/images/json", query);
  }
  inspectImage(ref: string): Promise<ImageInspectView> {
    return this.#json("GET", `/images/${imagePath(ref)}/json`);
  }
  async tagImage(ref: string, repo: string, tag: string): Promise<void> {
    await this.#call("POST", `/images/${imagePath(ref)}/tag`, { repo, tag });
  }
  removeImage(ref: string, query: Query): Promise<ImageDeleteEntry[]> {
    return this.#json("DELETE", `/images/${imagePath(ref)}`, query);
  }
  async *loadImages(
    archive: Uint8Array | ReadableStream<Uint8Array>,
    query: Query,
    signal?: AbortSignal,
  ): AsyncGenerator<ProgressMessage> {
    const body = { body: archive, contentType: "application/x-tar", signal };
    yield* progressOf(await this.#call("POST", "/images/load", query, body));
  }
  async *importImage(
    tar: Uint8Array | ReadableStream<Uint8Array>,
    query: Query,
    changes: readonly string[],
    signal?: AbortSignal,
  ): AsyncGenerator<ProgressMessage> {
    const repeated = changes.map((change) => `&changes=${encodeURIComponent(change)}`).join("");
    const path = `${withQuery("/images/create", { ...query, fromSrc: "-" })}${repeated}`;
    yield* progressOf(
      await this.#call("POST", path, {}, { body: tar, contentType: "application/x-tar", signal }),
    );
  }
  /** Throws what the daemon says: unimplemented while registries are not there. */
  async *pullImage(query: Query): AsyncGenerator<ProgressMessage> {
    yield* progressOf(await this.#call("POST", "/images/create", query));
  }

  // System
  version(): Promise<VersionView> {
    return this.#json("GET", "/version");
  }
  info(): Promise<InfoView> {
    return this.#json("GET", "/info");
  }
  async *events(query: Query, signal?: AbortSignal): AsyncGenerator<EventMessage> {
    const response = await this.#call("GET", "/events", query, { signal });
    if (response.body !== null) yield* jsonLines<EventMessage>(response.body);
  }

  async #json<T>(
    method: TransportRequest["method"],
    path: string,
    query: Query = {},
    body?: object,
  ): Promise<T> {
    const response = await this.#call(method, path, query, body === undefined ? {} : { json: body });
    return JSON.parse(await response.text()) as T;
  }

  async #call(
    method: TransportRequest["method"],
    path: string,
    query: Query = {},
    sent: { json?: object; body?: TransportRequest["body"]; contentType?: string; signal?: AbortSignal } = {},
  ): Promise<TransportResponse> {
    const response = await this.transport.request({
      method,
      path: API_PREFIX + withQuery(path, query),
      body: sent.json === undefined ? sent.body : JSON.stringify(sent.json),
      contentType: sent.json === undefined ? sent.contentType : "application/json",
      signal: sent.signal,
    });
    if (response.status >= 300) throw await errorOf(response);
    return response;
  }

  async #hijack(path: string, query: Query, body: string): Promise<HijackedStream> {
    const answer = await this.transport.hijack(API_PREFIX + withQuery(path, query), body);
    if ("status" in answer) throw await errorOf(answer);
    return answer;
  }
}

const container = (ref: string, action: string) => `/containers/${encodeURIComponent(ref)}/${action}`;
/** Slashes of a repository's name stay: the routes of the API expect them. */
const imagePath = (ref: string) => encodeURIComponent(ref).replaceAll("%2F", "/");

function withQuery(path: string, query: Query): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${encodeURIComponent(value === true ? "1" : value === false ? "0" : String(value))}`,
    );
  return pairs.length === 0 ? path : `${path}?${pairs.join("&")}`;
}

async function errorOf(response: TransportResponse): Promise<EngineError> {
  const text = await response.text();
  let message = text.trim();
  try {
    const parsed = JSON.parse(text) as { message?: unknown };
    if (typeof parsed.message === "string") message = parsed.message;
  } catch {
    // Not JSON: a proxy's page, perhaps; its text is all there is to show.
  }
  const kind = KIND_OF_STATUS[response.status] ?? "internal";
  return new EngineError(kind, message || `the daemon answered with status ${response.status}`, {
    details: { status: response.status },
  });
}

async function* progressOf(response: TransportResponse): AsyncGenerator<ProgressMessage> {
  if (response.body !== null) yield* jsonLines<ProgressMessage>(response.body);
}
