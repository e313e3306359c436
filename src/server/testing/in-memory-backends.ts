/** Backends without machines: enough of each port to drive the HTTP edge, and a record of what reached it. */
import type { ContainerInspectView, ContainerSummary } from "../../api/container-views.ts";
import type { ImageInspectView, ImageSummary, ProgressMessage } from "../../api/image-views.ts";
import type { EventMessage, InfoView } from "../../api/system-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import type { Backends } from "../api-server.ts";
import type { AttachedClient, AttachOptions, OutputChunk } from "../containers-backend.ts";
import { ByteChannel } from "./byte-channel.ts";

export interface Call {
  readonly what: string;
  readonly with: readonly unknown[];
}

/** A client attached to a program that repeats its input on stdout and its length, at the end, on stderr. */
export class EchoClient implements AttachedClient {
  readonly output = new ByteChannel<OutputChunk>();
  readonly detachKeys: string | undefined;
  readonly log: string[] = [];
  /** Settled when close() was called. */
  readonly closed = Promise.withResolvers<void>();
  received = 0;

  constructor(
    readonly tty: boolean,
    options: { detachKeys?: string } = {},
  ) {
    this.detachKeys = options.detachKeys;
  }

  async write(data: Uint8Array): Promise<void> {
    this.received += data.length;
    await this.output.push({ stream: "stdout", data: data.slice() });
  }

  endInput(): void {
    this.log.push("endInput");
    const total = Buffer.from(`${this.received} bytes\n`);
    void this.output
      .push({ stream: this.tty ? "stdout" : "stderr", data: total })
      .then(() => this.output.end());
  }

  detached(): void {
    this.log.push("detached");
  }

  close(): void {
    this.output.end();
    this.closed.resolve();
  }
}

const unknown = (name: string) => new EngineError("notFound", `No such container: ${name}`);
const known = (name: string) => {
  if (name.startsWith("missing")) throw unknown(name);
};

const PATH_STAT = { name: "a", size: 3, mode: 0o644, mtime: "2026-01-01T00:00:00Z", linkTarget: "" };

async function* bytesOf(text: string): AsyncGenerator<Uint8Array, void, undefined> {
  yield new TextEncoder().encode(text);
}

export class InMemoryBackends implements Backends {
  readonly calls: Call[] = [];
  readonly clients: EchoClient[] = [];
  readonly liveEvents = new ByteChannel<EventMessage>();
  readonly exits = Promise.withResolvers<{ StatusCode: number }>();
  /** The signals that long requests were given. */
  readonly signals: AbortSignal[] = [];
  logEntries: OutputChunk[] = [];

  #wake: (() => void) | undefined;

  #record(what: string, ...args: unknown[]): void {
    this.calls.push({ what, with: args });
    this.#wake?.();
  }

  /** Resolves when such a call has been made. */
  async until(what: string): Promise<Call> {
    for (;;) {
      const call = this.calls.find((made) => made.what === what);
      if (call !== undefined) return call;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #client(tty: boolean, options: { detachKeys?: string } = {}): EchoClient {
    const client = new EchoClient(tty, options);
    this.clients.push(client);
    return client;
  }

  readonly containers: Backends["containers"] = {
    create: async (request, options) => {
      this.#record("create", request, options);
      return { Id: "a".repeat(64), Warnings: [] };
    },
    start: async (ref) => {
      known(ref);
      if (ref === "running") throw new EngineError("notModified", "container is already running");
      this.#record("start", ref);
    },
    stop: async (ref, options) => this.#record("stop", ref, options),
    restart: async (ref, options) => this.#record("restart", ref, options),
    kill: async (ref, signal) => {
      known(ref);
      this.#record("kill", ref, signal);
    },
    pause: async (ref) => this.#record("pause", ref),
    unpause: async (ref) => this.#record("unpause", ref),
    rename: async (ref, name) => this.#record("rename", ref, name),
    remove: async (ref, options) => this.#record("remove", ref, options),
    prune: async (filters) => {
      this.#record("prune", [...filters]);
      return { ContainersDeleted: null, SpaceReclaimed: 0 };
    },
    wait: async (ref, condition, signal) => {
      known(ref);
      this.#record("wait", ref, condition);
      this.signals.push(signal);
      return { result: this.exits.promise };
    },
    attach: async (ref: string, options: AttachOptions) => {
      known(ref);
      this.#record("attach", ref, options);
      return this.#client(ref.startsWith("tty"));
    },
    resize: async (ref, rows, columns) => this.#record("resize", ref, rows, columns),
    logs: async (ref, options, signal) => {
      known(ref);
      this.#record("logs", ref, options);
      this.signals.push(signal);
      const entries = this.logEntries;
      async function* read() {
        yield* entries;
      }
      return { tty: ref.startsWith("tty"), entries: read() };
    },
    list: async (options) => {
      this.#record("list", { ...options, filters: [...options.filters] });
      const annotated = { HostConfig: { NetworkMode: "none", Annotations: { a: "b" } } };
      return [{ Id: "a", ...annotated } as unknown as ContainerSummary];
    },
    inspect: async (ref) => {
      known(ref);
      if (ref === "broken") throw new Error("a broken pipe somewhere");
      return {
        Id: ref,
        Name: `/${ref}`,
        State: { Running: true, Paused: false, Restarting: false },
        Config: { Tty: ref.startsWith("tty"), OpenStdin: true },
        HostConfig: {},
      } as unknown as ContainerInspectView;
    },
    top: async (ref, psArgs) => {
      this.#record("top", ref, psArgs);
      return { Titles: ["PID"], Processes: [] };
    },
  };

  /** Until it resolves no exec'd program runs. */
  execGate: Promise<void> | undefined;

  readonly execs: Backends["execs"] = {
    create: async (ref, request) => {
      known(ref);
      this.#record("execCreate", ref, request);
      return { Id: request.Tty === true ? "ttyexec" : "exec" };
    },
    startDetached: async (id) => this.#record("startDetached", id),
    startAttached: async (id, size, onAccepted) => {
      this.#record("startAttached", id, size);
      if (id === "missing") throw new EngineError("notFound", `No such exec instance: ${id}`);
      onAccepted?.();
      if (id === "noshim") throw new EngineError("unavailable", "no shim");
      await this.execGate;
      if (id === "nofile")
        throw new EngineError("invalid", 'exec: "nofile": executable file not found in $PATH');
      return this.#client(id.startsWith("tty"), { detachKeys: id === "ttykeys" ? "ctrl-x" : undefined });
    },
    resize: async (id, rows, columns) => this.#record("execResize", id, rows, columns),
    inspect: async (id) => ({
      ID: id,
      Running: false,
      ExitCode: 0,
      ProcessConfig: { tty: false, entrypoint: "cat", arguments: [], privileged: false },
      OpenStdin: true,
      OpenStderr: true,
      OpenStdout: true,
      CanRemove: false,
      ContainerID: "c",
      DetachKeys: "",
      Pid: 0,
    }),
  };

  readonly images: Backends["images"] = {
    list: async (options) => {
      this.#record("imageList", { ...options, filters: [...options.filters] });
      const image: Partial<ImageSummary> = { Id: "sha256:a", RepoTags: [], RepoDigests: [], Size: 7 };
      return [image as ImageSummary];
    },
    inspect: async (ref) => ({ Id: ref, Size: 7 }) as ImageInspectView,
    history: async () => [],
    tag: async (ref, target) => this.#record("tag", ref, target),
    remove: async (ref, options) => {
      this.#record("imageRemove", ref, options);
      return [{ Untagged: ref }];
    },
    load: (body, options) => this.#receive("load", body, options),
    import: (body, options) => this.#receive("import", body, options),
  };

  readonly files: Backends["files"] = {
    statPath: async (ref, path) => {
      this.#record("statPath", ref, path);
      if (path === "/missing")
        throw new EngineError("notFound", "Could not find the file /missing in container c");
      return PATH_STAT;
    },
    getArchive: async (ref, path) => {
      this.#record("getArchive", ref, path);
      return { stat: PATH_STAT, tar: bytesOf("tar") };
    },
    putArchive: (ref, path, body, options) => this.#take("putArchive", body, ref, path, options),
    export: async (ref) => {
      this.#record("export", ref);
      return bytesOf("exported");
    },
    changes: async (ref) => {
      this.#record("changes", ref);
      return ref === "unchanged" ? [] : [{ Path: "/a", Kind: 1 as const }];
    },
    commit: async (ref, options) => {
      this.#record("commit", ref, options);
      return `sha256:${"1".repeat(64)}` as ImageId;
    },
  };

  readonly archives: Backends["archives"] = {
    save: async (names, platform) => {
      this.#record("save", names, platform);
      if (names.includes("missing")) throw new EngineError("notFound", "No such image: missing:latest");
      return bytesOf("archive");
    },
  };

  async #take(what: string, body: AsyncIterable<Uint8Array>, ...args: unknown[]): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    this.#record(what, ...args, Buffer.concat(chunks).toString());
  }

  readonly registry: Backends["registry"] = {
    pull: (options) => this.#tell("pull", options),
    push: (options) => this.#tell("push", options),
    inspectDistribution: async (name, auth) => {
      this.#record("distribution", name, auth);
      return { Descriptor: { mediaType: "m", digest: "sha256:a", size: 1 }, Platforms: null };
    },
    search: async (term, options) => {
      this.#record("search", term, { ...options, filters: [...options.filters] });
      return [];
    },
    login: async (auth) => {
      this.#record("login", auth);
      if (auth.password === "wrong") throw new EngineError("unauthenticated", "wrong password");
      return { IdentityToken: "", Status: "Login Succeeded" };
    },
  };

  readonly storage: Backends["storage"] = {
    diskUsage: async (kinds) => {
      this.#record("diskUsage", [...kinds].sort());
      const image = { Id: "sha256:a", ParentId: "", RepoTags: [], RepoDigests: [], Created: 1, Labels: null };
      return kinds.has("image")
        ? { LayersSize: 9, Images: [{ ...image, Size: 9, SharedSize: 0, Containers: 1 }] }
        : {};
    },
    planPrune: async (filters) => {
      this.#record("planPrune", [...filters]);
      return { Id: "p", ExpiresAt: "2026-01-01T00:00:00.000Z", Remove: [], Keep: [], SpaceReclaimed: 0 };
    },
    prune: async (filters) => {
      this.#record("pruneImages", [...filters]);
      return { ImagesDeleted: null, SpaceReclaimed: 0 };
    },
    applyPrunePlan: async (planId) => {
      this.#record("applyPrunePlan", planId);
      return { ImagesDeleted: null, SpaceReclaimed: 0, Kept: [] };
    },
    pins: async () => [{ Id: "sha256:a", Names: ["a:1"] }],
    pin: async (ref) => this.#record("pin", ref),
    unpin: async (ref) => this.#record("unpin", ref),
    diff: (refs, options) => this.#lines("diff", refs.from, refs.to, options),
    layers: (ref, options) => this.#lines("layers", ref, options),
    scrub: (options) => this.#lines("scrub", options),
  };

  async *#lines(what: string, ...args: unknown[]): AsyncGenerator<{ Kind: "error"; Message: string }> {
    this.#record(what, ...args);
    if (args.includes("missing")) throw new EngineError("notFound", "No such image: missing:latest");
    yield { Kind: "error", Message: "the first line" };
    if (args.includes("broken")) throw new EngineError("internal", "it broke off");
  }

  async *#tell(what: string, options: object): AsyncGenerator<ProgressMessage> {
    this.#record(what, options);
    if (JSON.stringify(options).includes("missing")) throw new EngineError("notFound", "no such repository");
    yield { status: `${what} begun` };
    if (JSON.stringify(options).includes("broken")) throw new EngineError("unavailable", "it broke off");
  }

  async *#receive(
    what: string,
    body: AsyncIterable<Uint8Array>,
    options: object,
  ): AsyncGenerator<ProgressMessage> {
    let bytes = 0;
    try {
      for await (const chunk of body) {
        if (bytes === 0) this.#record(`${what} begun`, chunk.length);
        bytes += chunk.length;
      }
    } catch (cause) {
      this.#record(`${what} broken`, bytes);
      throw new EngineError("invalid", "the archive ended early", { cause });
    }
    this.#record(what, bytes, options);
    if (bytes === 0) throw new EngineError("invalid", "no archive");
    yield { stream: `Loaded ${bytes}\n` };
  }

  readonly system: Backends["system"] = {
    version: () => ({ Version: "0.1.0", ApiVersion: "1.50", MinAPIVersion: "1.24" }) as never,
    info: async () => ({ ID: "x", DiscoveredDevices: null }) as unknown as InfoView,
    events: (options, signal) => {
      this.#record("events", { ...options, filters: [...options.filters] });
      this.signals.push(signal);
      signal.addEventListener("abort", () => this.liveEvents.end());
      return this.liveEvents;
    },
  };
}
