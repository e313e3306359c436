/** A whole lifecycle over a real database in a temporary directory, without kernel and without layers. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerCreateRequest } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import type { ImageId } from "../../../base/ids.ts";
import { createLogger } from "../../../host/logger.ts";
import { type Database, openDatabase } from "../../../host/sqlite.ts";
import type { OciRuntimeConfig } from "../../../oci/runtime-config.ts";
import type { MachineFacts, SpecInput } from "../../../runtime/container-runtime.ts";
import type { ImageConfig, StoredImage } from "../../../store/images.ts";
import type { ContainerEntry } from "../container-entry.ts";
import { containerMigrations } from "../container-repository.ts";
import type { HostFacts } from "../create/host-facts.ts";
import { type Containers, createContainers } from "../create-containers.ts";
import { MemoryRuntime } from "./memory-runtime.ts";
import { MemorySnapshots } from "./memory-snapshots.ts";

export const FACTS: HostFacts = {
  cpuCount: 2,
  onlineCpus: "0-1",
  onlineMems: "0",
  controllers: new Set(["memory", "cpu", "cpuset", "pids"]),
  swapLimit: true,
  swappiness: true,
  oomKillDisable: true,
  apparmor: false,
  capabilityBounds: (1n << 41n) - 1n,
  architecture: "amd64",
  cgroupVersion: 1,
};

const MACHINE: MachineFacts = {
  architecture: "x64",
  cgroups: { version: 1, controllers: new Map() },
  capabilityBounds: FACTS.capabilityBounds,
  hardLimits: new Map(),
  canRaiseLimits: false,
  apparmor: false,
} as MachineFacts;

export interface SeenEvent {
  readonly action: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export class TestLifecycle {
  readonly dataRoot = mkdtempSync(join(tmpdir(), "berth-containers-"));
  readonly runtime = new MemoryRuntime();
  readonly snapshots = new MemorySnapshots();
  readonly events: SeenEvent[] = [];
  readonly inputs: SpecInput[] = [];
  readonly images = new Map<string, StoredImage>();
  nowNs = 1_800_000_000_000_000_000n;
  containers: Containers;
  #database: Database;

  constructor() {
    this.addImage("busybox", { Cmd: ["sh"], Env: ["PATH=/bin"] });
    this.#database = this.#open();
    this.containers = this.#build();
  }

  get backend() {
    return this.containers.backend;
  }

  get actions(): string[] {
    return this.events.map(({ action }) => action);
  }

  addImage(name: string, config: ImageConfig["config"], architecture = "amd64"): void {
    const id = `sha256:${String(this.images.size).padStart(64, "a")}` as ImageId;
    this.images.set(name, {
      id,
      config: { architecture, os: "linux", config, rootfs: { type: "layers", diff_ids: [] } },
      sizeBytes: 0,
      tags: [`${name}:latest`],
      digests: [],
      topSnapshot: "layer",
      lastTaggedAt: undefined,
    });
  }

  /** From now on no row can say that a container runs, as on a full disk. */
  refuseRunningStates(): void {
    this.#database.exec(
      `CREATE TRIGGER full BEFORE UPDATE ON container_states WHEN NEW.status = 'running'
       BEGIN SELECT RAISE(FAIL, 'disk full'); END`,
    );
  }

  /** The daemon dies here: nothing of its memory is left, the database, the shims and the layers are. */
  crash(): void {
    // A dead daemon hears of no exit.
    for (const entry of this.#entries()) entry.process = undefined;
    this.#database.close();
    this.#database = this.#open();
    this.containers = this.#build();
  }

  async create(request: ContainerCreateRequest = {}, name?: string): Promise<string> {
    const { Id } = await this.backend.create(withDefaults(request), name === undefined ? {} : { name });
    return Id;
  }

  async run(request: ContainerCreateRequest = {}, name?: string): Promise<string> {
    const id = await this.create(request, name);
    await this.backend.start(id);
    return id;
  }

  state(ref: string) {
    return this.containers.directory.get(ref).record.state;
  }

  /** Resolves when the record fulfils the condition. */
  async until(ref: string, condition: (status: string) => boolean): Promise<void> {
    for (;;) {
      const container = this.containers.directory.find(ref);
      if (container === undefined || condition(container.record.state.status)) return;
      await container.changed();
    }
  }

  async dispose(): Promise<void> {
    await this.containers.idle();
    this.#database.close();
    rmSync(this.dataRoot, { recursive: true, force: true });
  }

  #entries(): readonly ContainerEntry[] {
    return this.containers.directory.all() as readonly ContainerEntry[];
  }

  #open(): Database {
    return openDatabase(join(this.dataRoot, "berth.db"), [containerMigrations]);
  }

  #build(): Containers {
    return createContainers({
      database: this.#database,
      // Power cuts are not what is tested here.
      commits: { synced: async () => {} },
      runtime: this.runtime,
      snapshots: this.snapshots,
      images: { resolve: async (ref) => this.#image(ref) },
      events: {
        publish: (_type, action, id, attributes) => this.events.push({ action, id, attributes }),
      },
      buildRuntimeConfig: (input) => {
        this.inputs.push(input);
        return { ociVersion: "1.2.0" } as OciRuntimeConfig;
      },
      machine: MACHINE,
      facts: FACTS,
      dataRoot: this.dataRoot,
      logger: createLogger({ level: "fatal", format: "text", write: () => undefined }),
      killTimeoutMs: 30,
      nowNs: () => this.nowNs,
    });
  }

  #image(ref: string): StoredImage {
    const image = this.images.get(ref);
    if (image === undefined) throw new EngineError("notFound", `No such image: ${ref}:latest`);
    return image;
  }
}

/** What every test means unless it says otherwise: busybox, off the network. */
function withDefaults(request: ContainerCreateRequest): ContainerCreateRequest {
  return { Image: "busybox", ...request, HostConfig: { NetworkMode: "none", ...request.HostConfig } };
}
