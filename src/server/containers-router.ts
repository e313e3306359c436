/** Endpoints about containers that answer with one JSON value or none. */

import { containerCreateRequest } from "../api/container-shapes.ts";
import type { ContainerSummary } from "../api/container-views.ts";
import type { Filters } from "../api/filters.ts";
import { decodeFilters } from "../api/filters-codec.ts";
import { type ApiVersion, atLeast } from "../api/version.ts";
import { EngineError, fromUnknown } from "../base/errors.ts";
import type { ContainersBackend } from "./containers-backend.ts";
import { applyCreateCompat } from "./create-compat.ts";
import type { Exchange, Handler, RequestHead } from "./exchange.ts";

export function containerRoutes(containers: ContainersBackend) {
  return {
    containerList: (exchange) => list(containers, exchange),
    containerCreate: (exchange) => create(containers, exchange),
    containerInspect: async (exchange) => {
      const options = { size: exchange.query.flag("size") };
      exchange.json(200, await containers.inspect(containerNameOf(exchange), options));
    },
    containerTop: async (exchange) => {
      const psArgs = exchange.query.find("ps_args") ?? "-ef";
      exchange.json(200, await containers.top(containerNameOf(exchange), psArgs));
    },
    containerStart: (exchange) => start(containers, exchange),
    containerStop: (exchange) =>
      done(exchange, containers.stop(containerNameOf(exchange), stopOptions(exchange))),
    containerRestart: (exchange) =>
      done(exchange, containers.restart(containerNameOf(exchange), stopOptions(exchange))),
    containerKill: (exchange) => kill(containers, exchange),
    containerPause: (exchange) => done(exchange, containers.pause(containerNameOf(exchange))),
    containerUnpause: (exchange) => done(exchange, containers.unpause(containerNameOf(exchange))),
    containerRename: (exchange) =>
      done(exchange, containers.rename(containerNameOf(exchange), exchange.query.text("name"))),
    containerResize: async (exchange) => {
      const rows = exchange.query.uint32("h", "resize height");
      const columns = exchange.query.uint32("w", "resize width");
      await containers.resize(containerNameOf(exchange), rows, columns);
      exchange.empty(200);
    },
    containerRemove: (exchange) => {
      const { query } = exchange;
      const options = { force: query.flag("force"), volumes: query.flag("v"), link: query.flag("link") };
      return done(exchange, containers.remove(containerNameOf(exchange), options));
    },
    containerPrune: async (exchange) => {
      exchange.json(200, await containers.prune(decodeFilters(exchange.query.text("filters"))));
    },
  } satisfies Record<string, Handler>;
}

/** The container that the path names: an id, a prefix of one, or a name. Throws invalid for an empty one. */
export function containerNameOf(exchange: Pick<RequestHead, "params">): string {
  const name = exchange.params.name ?? "";
  if (name === "") throw new EngineError("invalid", "No container name or ID supplied");
  return name;
}

/** Answers 204 when the work is done. */
async function done(exchange: Exchange, work: Promise<void>): Promise<void> {
  await work;
  exchange.empty(204);
}

async function list(containers: ContainersBackend, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const filters = new Map<string, readonly string[]>(decodeFilters(query.text("filters")));
  for (const name of ["since", "before"]) addFilter(filters, name, query.text(name));
  const limit = Math.max(0, query.integer("limit") ?? 0);
  // The newest few are asked for among all containers, not only the running ones.
  const all = query.flag("all") || limit > 0;
  const found = await containers.list({ all, limit, size: query.flag("size"), filters: filters as Filters });
  exchange.json(
    200,
    found.map((container) => summaryFor(version, container)),
  );
}

function addFilter(filters: Map<string, readonly string[]>, name: string, value: string): void {
  if (value !== "") filters.set(name, [...(filters.get(name) ?? []), value]);
}

function summaryFor(version: ApiVersion, container: ContainerSummary): ContainerSummary {
  if (atLeast(version, "1.46")) return container;
  return { ...container, HostConfig: { NetworkMode: container.HostConfig.NetworkMode } };
}

async function create(containers: ContainersBackend, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  const request = await exchange.readJson(containerCreateRequest, "CreateRequest");
  if (request === undefined && exchange.headers["content-length"] === "0") {
    throw new EngineError("invalid", "invalid JSON: got EOF while reading request body");
  }
  // Host and network settings alone describe no container.
  const { HostConfig: _host, NetworkingConfig: _network, ...config } = request ?? {};
  if (request === undefined || Object.keys(config).length === 0) {
    throw new EngineError("invalid", "config cannot be empty in order to create a container");
  }
  applyCreateCompat(request, version);
  const options = {
    name: query.find("name"),
    platform: atLeast(version, "1.41") ? query.find("platform") : undefined,
  };
  exchange.json(201, await containers.create(request, options));
}

/** A body of up to seven bytes is what careful clients send for "nothing": `{}`, `null`. */
const LARGEST_EMPTY_BODY = 7;

async function start(containers: ContainersBackend, exchange: Exchange): Promise<void> {
  const { headers, query } = exchange;
  const length = Number(headers["content-length"] ?? 0);
  if (headers["transfer-encoding"] !== undefined || length > LARGEST_EMPTY_BODY) {
    throw new EngineError(
      "invalid",
      "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
    );
  }
  if (query.text("checkpoint") !== "" || query.text("checkpoint-dir") !== "") {
    throw new EngineError("unimplemented", "starting from a checkpoint is not available yet in berth");
  }
  await done(exchange, containers.start(containerNameOf(exchange)));
}

function stopOptions(exchange: Exchange): { signal?: string; timeoutSeconds?: number } {
  const { query, version } = exchange;
  return {
    signal: atLeast(version, "1.42") ? query.find("signal") : undefined,
    timeoutSeconds: query.integer("t"),
  };
}

async function kill(containers: ContainersBackend, exchange: Exchange): Promise<void> {
  const name = containerNameOf(exchange);
  try {
    await containers.kill(name, exchange.query.find("signal"));
  } catch (thrown) {
    const cause = fromUnknown(thrown);
    throw new EngineError(cause.kind, `cannot kill container: ${name}: ${cause.message}`, {
      cause,
      details: cause.details,
    });
  }
  exchange.empty(204);
}
