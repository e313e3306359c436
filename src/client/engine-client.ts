import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ExecCreateRequest,
} from "../api/container-config.ts";
import type {
  ContainerInspectView,
  ContainerSummary,
  ContainersPruneView,
  ContainerTopView,
  ContainerWaitView,
  ExecInspectView,
} from "../api/container-views.ts";
import type { DiskUsageView } from "../api/disk-usage-views.ts";
import type { FileChange, PathStat } from "../api/file-views.ts";
import type {
  ImageDeleteEntry,
  ImageHistoryEntry,
  ImageInspectView,
  ImageSummary,
  ProgressMessage,
} from "../api/image-views.ts";
import type { AuthConfig, AuthView, SearchResultView } from "../api/registry-views.ts";
import type {
  ImageDiffLine,
  ImageLayersLine,
  ImagePinView,
  ImagesPruneView,
  PrunePlanView,
  ScrubLine,
} from "../api/storage-views.ts";
import type { EventMessage, InfoView, VersionView } from "../api/system-views.ts";
import { EngineError, type ErrorKind } from "../base/errors.ts";
import { jsonLines, lines } from "./json-lines.ts";
import { type Query, withQuery } from "./query.ts";
import type { HijackedStream, Transport, TransportRequest, TransportResponse } from "./transport.ts";

/** What goes with a request besides its query. */
type Sent = { json?: object } & Pick<TransportRequest, "body" | "contentType" | "headers" | "signal">;

export const CLIENT_API_VERSION = "1.50";
const API_PREFIX = `/v${CLIENT_API_VERSION}`;

const KIND_OF_STATUS: Readonly<Record<number, ErrorKind>> = {
  400: "invalid",
  401: "unauthenticated",
  403: "denied",
  404: "notFound",
  409: "conflict",
  501: "unimplemented",
  503: "unavailable",
};

/** Kinds of things that `inspect` knows; the daemon may not have all of them. */
export type InspectableType =
  | "config"
  | "container"
  | "image"
  | "network"
  | "node"
  | "plugin"
  | "secret"
  | "service"
  | "task"
  | "volume";

/**
 * The Engine API as typed calls. An answer with an error status is thrown as EngineError with the daemon's own message;
 * `details.status` holds the status.
 */
export class EngineClient {
  constructor(private readonly transport: Transport) {}

  /** For a caller who will attach to what it is about to create. */
  expectAttach(): void {
    this.transport.expectHijack();
  }

  // Containers
  createContainer(
    request: ContainerCreateRequest,
    query: { name?: string; platform?: string } = {},
  ): Promise<ContainerCreateResponse> {
    return this.#json("POST", "/containers/create", query, request);
  }
  /** Of a container that runs already: nothing happens, as with a stop of one that does not run. */
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
  /**
   * Resolves when the daemon has registered the wait; `result` when the condition came true (`not-running` without one;
   * `next-exit`, `removed`).
   */
  async waitContainer(
    ref: string,
    condition?: "next-exit" | "removed",
    signal?: AbortSignal,
  ): Promise<{ result: Promise<ContainerWaitView> }> {
    const response = await this.#call("POST", container(ref, "wait"), { condition }, { signal });
    const result = response.text().then((text) => parseAnswer<ContainerWaitView>(text));
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
  pruneContainers(query: Query): Promise<ContainersPruneView> {
    return this.#json("POST", "/containers/prune", query);
  }
  /** `query`: container, repo, tag, comment, author, changes, pause. */
  commitContainer(query: Query): Promise<{ Id: string }> {
    return this.#json("POST", "/commit", query, {});
  }
  /** null where nothing has changed. */
  containerChanges(ref: string): Promise<FileChange[] | null> {
    return this.#json("GET", container(ref, "changes"));
  }
  /** A tar of its whole file system. */
  exportContainer(ref: string): Promise<TransportResponse> {
    return this.#call("GET", container(ref, "export"));
  }
  /** What is at a path in a container; a symbolic link itself, not what it points to. */
  async statContainerPath(ref: string, path: string): Promise<PathStat> {
    return pathStatOf(await this.#call("HEAD", container(ref, "archive"), { path }));
  }
  /** A tar of what is at `path`, its entries named from the last word of it on. */
  async readContainerPath(ref: string, path: string): Promise<{ tar: TransportResponse; stat: PathStat }> {
    const tar = await this.#call("GET", container(ref, "archive"), { path });
    return { tar, stat: pathStatOf(tar) };
  }
  /** Unpacks a tar in the directory `query.path`. */
  async writeContainerPath(ref: string, tar: AsyncIterable<Uint8Array>, query: Query): Promise<void> {
    const sent = { body: tar, contentType: "application/x-tar" };
    await (await this.#call("PUT", container(ref, "archive"), query, sent)).text();
  }

  // Exec
  createExec(ref: string, request: ExecCreateRequest): Promise<{ Id: string }> {
    return this.#json("POST", container(ref, "exec"), {}, request);
  }
  async startExecDetached(id: string, tty: boolean): Promise<void> {
    await this.#call("POST", `/exec/${id}/start`, {}, { json: { Detach: true, Tty: tty } });
  }
  startExec(id: string, body: { Tty: boolean; ConsoleSize?: [number, number] }): Promise<HijackedStream> {
    return this.#hijack(`/exec/${id}/start`, {}, JSON.stringify({ Detach: false, ...body }));
  }
  async resizeExec(id: string, h: number, w: number): Promise<void> {
    await this.#call("POST", `/exec/${id}/resize`, { h, w });
  }
  /** `wait`: when the program has ended. An engine that does not know it answers at once. */
  inspectExec(id: string, query: { wait?: boolean } = {}): Promise<ExecInspectView> {
    return this.#json("GET", `/exec/${id}/json`, query);
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
    archive: Uint8Array | AsyncIterable<Uint8Array>,
    query: Query,
    signal?: AbortSignal,
  ): AsyncGenerator<ProgressMessage> {
    const body = { body: archive, contentType: "application/x-tar", signal };
    yield* progressOf(await this.#call("POST", "/images/load", query, body));
  }
  /** A root file system's tar; without one `query.fromSrc` is a URL that the daemon fetches. */
  async *importImage(
    tar: Uint8Array | AsyncIterable<Uint8Array> | undefined,
    query: Query,
    signal?: AbortSignal,
  ): AsyncGenerator<ProgressMessage> {
    const body = { body: tar, contentType: "application/x-tar", signal };
    yield* progressOf(await this.#call("POST", "/images/create", query, body));
  }
  /** `registryAuth`: as `X-Registry-Auth` carries it. */
  async *pullImage(query: Query, registryAuth?: string): AsyncGenerator<ProgressMessage> {
    yield* progressOf(await this.#call("POST", "/images/create", query, withAuth(registryAuth)));
  }
  async *pushImage(ref: string, query: Query, registryAuth?: string): AsyncGenerator<ProgressMessage> {
    const path = `/images/${imagePath(ref)}/push`;
    yield* progressOf(await this.#call("POST", path, query, withAuth(registryAuth)));
  }
  searchImages(query: Query, registryAuth?: string): Promise<SearchResultView[]> {
    return this.#json("GET", "/images/search", query, undefined, withAuth(registryAuth));
  }
  imageHistory(ref: string, query: Query = {}): Promise<ImageHistoryEntry[]> {
    return this.#json("GET", `/images/${imagePath(ref)}/history`, query);
  }
  /** One tar of all of `query.names`. */
  saveImages(query: Query): Promise<TransportResponse> {
    return this.#call("GET", "/images/get", query);
  }
  /** With `plan`, the id of a plan, exactly that is done and no filter counts. */
  pruneImages(query: Query, plan?: string): Promise<ImagesPruneView> {
    return this.#json("POST", "/images/prune", query, plan === undefined ? undefined : { Plan: plan });
  }
  /** What a prune with these filters would remove, and why each other image stays. */
  planImagePrune(query: Query): Promise<PrunePlanView> {
    return this.#json("POST", "/images/prune", { ...query, "dry-run": true });
  }
  async pinImage(ref: string): Promise<void> {
    await this.#call("PUT", `/berth/images/${imagePath(ref)}/pin`);
  }
  async unpinImage(ref: string): Promise<void> {
    await this.#call("DELETE", `/berth/images/${imagePath(ref)}/pin`);
  }
  listImagePins(): Promise<ImagePinView[]> {
    return this.#json("GET", "/berth/images/pins");
  }
  diffImages(query: Query): AsyncGenerator<ImageDiffLine> {
    return this.#lines("GET", "/berth/images/diff", query);
  }
  imageLayers(ref: string, query: Query): AsyncGenerator<ImageLayersLine> {
    return this.#lines("GET", `/berth/images/${imagePath(ref)}/layers`, query);
  }

  // System
  /** Asks a registry, through the daemon, whether it knows these credentials. */
  authenticate(credentials: AuthConfig): Promise<AuthView> {
    return this.#json("POST", "/auth", {}, credentials);
  }
  diskUsage(): Promise<DiskUsageView<ContainerSummary>> {
    return this.#json("GET", "/system/df");
  }
  pruneNetworks(query: Query): Promise<{ NetworksDeleted: string[] | null }> {
    return this.#json("POST", "/networks/prune", query);
  }
  pruneVolumes(query: Query): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }> {
    return this.#json("POST", "/volumes/prune", query);
  }
  pruneBuildCache(query: Query): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }> {
    return this.#json("POST", "/build/prune", query);
  }
  /** Reads all blobs and snapshots again; see ScrubLine. */
  scrubStorage(query: Query): AsyncGenerator<ScrubLine> {
    return this.#lines("POST", "/berth/storage/scrub", query);
  }
  version(): Promise<VersionView> {
    return this.#json("GET", "/version");
  }
  info(): Promise<InfoView> {
    return this.#json("GET", "/info");
  }
  async *events(query: Query, signal?: AbortSignal): AsyncGenerator<EventMessage> {
    for await (const line of this.eventLines(query, signal)) yield JSON.parse(line) as EventMessage;
  }
  /** The messages as they came: `timeNano` has more digits than a number holds. */
  async *eventLines(query: Query, signal?: AbortSignal): AsyncGenerator<string> {
    const response = await this.#call("GET", "/events", query, { signal });
    yield* lines(response.body);
  }
  /** Whatever has a name or an id, as the daemon describes it. `size` is looked at for containers. */
  inspect(type: InspectableType, ref: string, size: boolean): Promise<object> {
    if (type === "container") return this.inspectContainer(ref, size);
    if (type === "image") return this.inspectImage(ref);
    const path = `/${type}s/${encodeURIComponent(ref)}`;
    return this.#json("GET", type === "plugin" ? `${path}/json` : path);
  }

  async #json<T>(
    method: TransportRequest["method"],
    path: string,
    query: Query = {},
    body?: object,
    sent: Sent = {},
  ): Promise<T> {
    const response = await this.#call(method, path, query, body === undefined ? sent : { json: body });
    return parseAnswer<T>(await response.text());
  }

  async *#lines<T>(method: TransportRequest["method"], path: string, query: Query): AsyncGenerator<T> {
    const response = await this.#call(method, path, query);
    yield* jsonLines<T>(response.body);
  }

  async #call(
    method: TransportRequest["method"],
    path: string,
    query: Query = {},
    sent: Sent = {},
  ): Promise<TransportResponse> {
    const response = await this.transport.request({
      method,
      path: API_PREFIX + withQuery(path, query),
      body: sent.json === undefined ? sent.body : JSON.stringify(sent.json),
      contentType: sent.json === undefined ? sent.contentType : "application/json",
      headers: sent.headers,
      signal: sent.signal,
    });
    // 304: it is as asked already.
    if (response.status >= 300 && response.status !== 304) throw await errorOf(response);
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

/** A daemon that ends in the middle leaves half an answer, or none. */
function parseAnswer<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new EngineError("unavailable", "the daemon's answer broke off", { cause: error });
  }
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

const withAuth = (registryAuth: string | undefined): Sent =>
  registryAuth === undefined ? {} : { headers: { "x-registry-auth": registryAuth } };

/** The head of an archive's answer; its mode has Go's bits. */
function pathStatOf({ headers }: TransportResponse): PathStat {
  const text = headers.get("x-docker-container-path-stat") ?? "";
  return parseAnswer<PathStat>(Buffer.from(text, "base64").toString());
}

async function* progressOf(response: TransportResponse): AsyncGenerator<ProgressMessage> {
  yield* jsonLines<ProgressMessage>(response.body);
}
