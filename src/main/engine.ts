import { join } from "node:path";
import { createContainerReads } from "../engine/containers/container-reads.ts";
import { readHostFacts } from "../engine/containers/create/host-facts.ts";
import { createContainers } from "../engine/containers/create-containers.ts";
import { createExecs } from "../engine/containers/exec/exec.ts";
import { EventBus } from "../engine/events/event-bus.ts";
import { ImagesService } from "../engine/images/images-service.ts";
import { readOrMakeDaemonId } from "../engine/system/daemon-id.ts";
import { createSystem } from "../engine/system/system.ts";
import type { CommitLog } from "../host/commit-log.ts";
import type { Logger } from "../host/logger.ts";
import type { Database } from "../host/sqlite.ts";
import type { ContainerRuntime, MachineFacts } from "../runtime/container-runtime.ts";
import { buildRuntimeConfig } from "../runtime/spec/build-runtime-config.ts";
import type { Backends } from "../server/api-server.ts";
import type { ImageStore } from "../store/image-store.ts";
import { BUILD_INFO } from "./build-info.ts";

export interface EngineParts {
  readonly dataRoot: string;
  readonly database: Database;
  readonly commits: CommitLog;
  readonly store: ImageStore;
  readonly runtime: ContainerRuntime;
  readonly machine: MachineFacts;
  readonly logger: Logger;
  readonly debug: boolean;
}

/** The use-cases, each given what it declared that it needs. Call `reconcile` once before the first request, `idle` after the last. */
export async function createEngine(
  parts: EngineParts,
): Promise<{ readonly backends: Backends; reconcile(): Promise<void>; idle(): Promise<void> }> {
  const { dataRoot, database, commits, store, runtime, machine, logger } = parts;
  const events = new EventBus();
  const facts = await readHostFacts(machine);
  const snapshots = store.layers;
  const images: ImagesService = new ImagesService({
    store,
    events,
    containers: { containersOf: (id) => containers.containersOf(id) },
    platform: { os: "linux", architecture: facts.architecture },
    version: BUILD_INFO.version,
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
  return {
    reconcile: () => containers.reconcile(),
    idle: () => containers.idle(),
    backends: {
      containers: {
        ...containers.backend,
        ...createContainerReads({ directory, images, snapshots, dataRoot, events }),
      },
      execs: createExecs({ directory, events, runtimeConfigOf: (live) => containers.runtimeConfigOf(live) }),
      images,
      system: createSystem({
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
