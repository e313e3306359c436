/** Endpoints about the engine itself. */
import { decodeFilters } from "../api/filters-codec.ts";
import { JSON_TYPE, PLAIN_TEXT } from "../api/media-types.ts";
import type { InfoView } from "../api/system-views.ts";
import { parseTimestampNs } from "../api/timestamps.ts";
import { type ApiVersion, atLeast } from "../api/version.ts";
import { EngineError } from "../base/errors.ts";
import type { Exchange, Handler } from "./exchange.ts";
import type { SystemBackend } from "./system-backend.ts";

const PING_HEADERS = {
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  // The classic builder; 2 would announce BuildKit.
  "Builder-Version": "1",
  Swarm: "inactive",
};

export function systemRoutes(system: SystemBackend) {
  return {
    ping: (exchange) => exchange.answer(200, PLAIN_TEXT, "OK", PING_HEADERS),
    pingHead: (exchange) => exchange.answer(200, PLAIN_TEXT, "", PING_HEADERS),
    version: (exchange) => exchange.json(200, system.version()),
    info: async (exchange) => exchange.json(200, infoFor(exchange.version, await system.info())),
    events: (exchange) => streamEvents(system, exchange),
  } satisfies Record<string, Handler>;
}

/** Old clients miss these fields; new ones do without. */
function infoFor(version: ApiVersion, info: InfoView): InfoView {
  if (atLeast(version, "1.50")) return info;
  const { DiscoveredDevices: _since150, ...older } = info;
  return { ...older, BridgeNfIptables: false, BridgeNfIp6tables: false } as InfoView;
}

async function streamEvents(system: SystemBackend, exchange: Exchange): Promise<void> {
  const { query, version, signal } = exchange;
  const sinceNs = parseTimestampNs(query.text("since"));
  const untilNs = parseTimestampNs(query.text("until"));
  if (untilNs !== undefined && untilNs < (sinceNs ?? 0n)) {
    const window = `\`since\` time (${query.text("since")}) cannot be after \`until\` time (${query.text("until")})`;
    throw new EngineError("invalid", window);
  }
  const events = system.events({ sinceNs, untilNs, filters: decodeFilters(query.text("filters")) }, signal);
  const iterator = events[Symbol.asyncIterator]();
  // The first step subscribes: a client that has seen the head misses nothing that happens from then on.
  let next = iterator.next();
  const body = exchange.begin(200, JSON_TYPE);
  try {
    for (let step = await next; step.done !== true; step = await next) {
      const event = step.value;
      const known = atLeast(version, "1.46") || event.Type !== "image" || event.Action !== "create";
      if (known) await body.write(`${JSON.stringify(event)}\n`);
      if (signal.aborted) break;
      next = iterator.next();
    }
  } finally {
    await iterator.return?.();
    body.end();
  }
}
