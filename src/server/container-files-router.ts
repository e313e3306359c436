/** What a container's files are made into: an export, a list of changes, an image. */
import type { ContainerConfig } from "../api/container-config.ts";
import { containerCreateRequest } from "../api/container-shapes.ts";
import { EngineError } from "../base/errors.ts";
import type { ContainerFilesBackend } from "../engine/containers/archive/container-files-use-cases.ts";
import { containerNameOf } from "./containers-router.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { sendStream } from "./send-stream.ts";

export function containerFilesRoutes(files: ContainerFilesBackend) {
  return {
    containerExport: async (exchange) => {
      const tar = await files.export(containerNameOf(exchange), exchange.signal);
      await sendStream(exchange, "application/octet-stream", tar);
    },
    containerChanges: async (exchange) => {
      const changes = await files.changes(containerNameOf(exchange), exchange.signal);
      // Go's nil slice.
      exchange.json(200, changes.length === 0 ? null : changes);
    },
    containerCommit: (exchange) => commit(files, exchange),
  } satisfies Record<string, Handler>;
}

async function commit(files: ContainerFilesBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const container = query.text("container");
  if (container === "") throw new EngineError("invalid", "No container name or ID supplied");
  const options = {
    repo: query.text("repo"),
    tag: query.text("tag"),
    author: query.text("author"),
    comment: query.text("comment"),
    changes: query.all("changes"),
    pause: query.text("pause") === "" || query.flag("pause"),
    config: await readConfig(exchange),
  };
  exchange.json(201, { Id: await files.commit(container, options, exchange.signal) });
}

/** The body is what a creation's is: Docker takes the config of it. None, and JSON's null, mean the container's own. */
async function readConfig(exchange: Exchange): Promise<ContainerConfig | undefined> {
  const request = await exchange.readJson(containerCreateRequest, "Config");
  if (request === undefined) return undefined;
  const { HostConfig: _host, NetworkingConfig: _networking, ...config } = request;
  return config;
}
