import { join } from "node:path";
import type { ImageId } from "../base/ids.ts";
import { createContainerFiles } from "../engine/containers/archive/create-container-files.ts";
import { createContainerReads } from "../engine/containers/container-reads.ts";
import { readHostFacts } from "../engine/containers/create/host-facts.ts";
import { createContainers } from "../engine/containers/create-containers.ts";
import { createExecs } from "../engine/containers/exec/exec.ts";
import { EventBus } from "../engine/events/event-bus.ts";
import { ImagesService } from "../engine/images/images-service.ts";
import { RegistryService } from "../engine/images/registry-service.ts";
import { createImageArchives } from "../engine/images/save-images.ts";
import { createStorage } from "../engine/images/storage-service.ts";
import { readOrMakeDaemonId } from "../engine/system/daemon-id.ts";
import { createSystem } from "../engine/system/system.ts";
import type { CommitLog } from "../host/commit-log.ts";
import type { Logger } from "../host/logger.ts";
import type { Database } from "../host/sqlite.ts";
import { ContainerTrees } from "../kernel/container-tree.ts";
import type { Trees } from "../kernel/trees.ts";
import { parseImageName } from "../oci/reference.ts";
import type { RegistryClient } from "../registry/client/registry-client.ts";
import type { RegistryHosts } from "../registry/client/registry-hosts.ts";
import type { ContainerRuntime, MachineFacts } from "../runtime/container-runtime.ts";
import { buildRuntimeConfig } from "../runtime/spec/build-runtime-config.ts";
import type { Backends } from "../server/api-server.ts";
import { ImagePinRecords } from "../store/gc/image-pins.ts";
import type { ImageStore } from "../store/image-store.ts";
import { PushedLayers } from "../store/metadata/pushed-layers.ts";
import { TagDocuments } from "../store/metadata/tag-documents.ts";
import { BUILD_INFO } from "./build-info.ts";

export interface EngineParts {
  readonly dataRoot: string;
  readonly database: Database;
  readonly commits: CommitLog;
  readonly store: ImageStore;
  readonly runtime: ContainerRuntime;
  readonly machine: MachineFacts;
  readonly registry: RegistryClient;
  readonly registryHosts: RegistryHosts;
  readonly logger: Logger;
  readonly debug: boolean;
  readonly trees: Trees;
  /** The program `berth-kernel`. */
  readonly kernelPath: string;
}

/** The use-cases, each given what it declared that it needs. Call `reconcile` once before the first request, `idle` after the last. */
export async function createEngine(
  parts: EngineParts,
): Promise<{ readonly backends: Backends; reconcile(): Promise<void>; idle(): Promise<void> }> {
  const { dataRoot, database, commits, store, runtime, machine, logger } = parts;
  const events = new EventBus();
  const facts = await readHostFacts(machine);
  const snapshots = store.layers;
  const imageParts = {
    store,
    tagDocuments: new TagDocuments(database),
    pins: new ImagePinRecords(database),
    events,
    containers: { containersOf: (id: ImageId) => containers.containersOf(id) },
    platform: { os: "linux", architecture: facts.architecture },
    version: BUILD_INFO.version,
  };
  const images: ImagesService = new ImagesService(imageParts);
  const registry = new RegistryService({
    ...imageParts,
    registry: parts.registry,
    pushedLayers: new PushedLayers(database),
    limits: () => parts.registryHosts.settings,
  });
  const containers = createContainers({
    database,
    commits,
    runtime,
    snapshots,
    images,
    events,
    buildRuntimeConfig,
    machine,
    facts,
    dataRoot,
    logger,
  });
  const { directory } = containers;
  const reads = createContainerReads({ directory, images, snapshots, dataRoot, events });
  return {
    reconcile: () => containers.reconcile(),
    idle: () => containers.idle(),
    backends: {
      containers: {
        ...containers.backend,
        ...reads,
      },
      execs: createExecs({ directory, events, runtimeConfigOf: (live) => containers.runtimeConfigOf(live) }),
      files: createContainerFiles({
        directory,
        trees: new ContainerTrees(parts.kernelPath),
        store,
        events,
        logger,
        version: BUILD_INFO.version,
      }),
      images,
      archives: createImageArchives({ store, events }),
      registry,
      storage: createStorage({
        store,
        database,
        trees: parts.trees,
        images,
        events,
        logger,
        containers: {
          containersOf: (id) => containers.containersOf(id),
          list: () => reads.list({ all: true, limit: 0, size: false, filters: new Map() }),
          find: (id) => directory.find(id)?.record,
          runningSnapshots: () =>
            directory.all().flatMap(({ isRunning, record }) => (isRunning ? [record.snapshot] : [])),
        },
        source: {
          open: (repository, digest, offsetBytes, signal) =>
            parts.registry.openBlob(parseImageName(repository), digest, offsetBytes, { signal }),
        },
      }),
      system: createSystem({
        registrySettings: () => parts.registryHosts.settings,
        build: BUILD_INFO,
        daemonId: await readOrMakeDaemonId(join(dataRoot, "engine-id")),
        dataRoot,
        debug: parts.debug,
        facts,
        directory,
        images,
        snapshots,
        events,
      }),
    },
  };
}
