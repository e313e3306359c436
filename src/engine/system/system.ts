import { release } from "node:os";
import type { RegistrySettings } from "../../registry/client/registry-settings.ts";
import type { HostFacts } from "../containers/create/host-facts.ts";
import type { ContainerDirectory } from "../containers/live-container.ts";
import type { EventBus } from "../events/event-bus.ts";
import { describeHost } from "./host-description.ts";
import { infoView } from "./info.ts";
import { registryInfo } from "./registry-info.ts";
import { storageStatus } from "./storage-status.ts";
import type { SystemBackend } from "./system-use-cases.ts";
import { type BuildInfo, versionView } from "./version.ts";

export interface SystemDependencies {
  readonly build: BuildInfo;
  readonly daemonId: string;
  readonly dataRoot: string;
  readonly debug: boolean;
  readonly facts: HostFacts;
  readonly directory: ContainerDirectory;
  readonly images: { count(): number };
  readonly snapshots: { readonly driver: string };
  readonly events: EventBus;
  /** Of this moment: the configuration can be read again. */
  readonly registrySettings: () => RegistrySettings;
  /** Where `etc` and `proc` are; `/` but in tests. */
  readonly hostRoot?: string;
}

/** `docker version`, `docker info`, `docker events`. */
export function createSystem(deps: SystemDependencies): SystemBackend {
  return {
    version: () => versionView(deps.build, deps.facts.architecture, release()),
    info: async () => {
      const host = await describeHost(deps.dataRoot, deps.hostRoot);
      const { driver } = deps.snapshots;
      return infoView(
        {
          id: deps.daemonId,
          version: deps.build.version,
          dataRoot: deps.dataRoot,
          storageDriver: driver,
          storageStatus: await storageStatus(driver, host.backingFilesystem, deps.hostRoot),
          imageCount: deps.images.count(),
          registries: registryInfo(deps.registrySettings()),
          containerStates: deps.directory.all().map(({ record }) => record.state),
          eventListeners: deps.events.subscriberCount,
          debug: deps.debug,
          now: new Date(),
        },
        deps.facts,
        host,
      );
    },
    events: (window, signal) => deps.events.subscribe(window, signal),
  };
}
