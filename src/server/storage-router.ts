/** Endpoints about the upkeep of the store: disk usage, prune, pins, image diff, layer view, scrub. */
import type { DiskUsageImage, DiskUsageKind } from "../api/disk-usage-views.ts";
import { decodeFilters } from "../api/filters-codec.ts";
import { object, text } from "../api/json-shape.ts";
import type { PrunePlanRequest } from "../api/storage-views.ts";
import { type ApiVersion, atLeast } from "../api/version.ts";
import { EngineError, fromUnknown } from "../base/errors.ts";
import type { StorageBackend } from "../engine/images/storage-use-cases.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { hasBody } from "./json-body.ts";

const JSON_LINES = "application/x-ndjson";
const KINDS: readonly DiskUsageKind[] = ["container", "image", "volume", "build-cache"];
const MOST_FILES = 100_000;

const prunePlanRequest = object<PrunePlanRequest>({ Plan: text });

export function storageRoutes(storage: StorageBackend) {
  return {
    diskUsage: async (exchange) => {
      const usage = await storage.diskUsage(kindsOf(exchange), exchange.signal);
      exchange.json(200, {
        LayersSize: usage.LayersSize ?? 0,
        Images: usage.Images?.map((image) => imageFor(exchange.version, image)) ?? null,
        Containers: usage.Containers ?? null,
        Volumes: usage.Volumes ?? null,
        BuildCache: usage.BuildCache ?? null,
      });
    },
    imagePrune: (exchange) => prune(storage, exchange),
    imagePins: async (exchange) => exchange.json(200, await storage.pins()),
    imagePin: async (exchange) => {
      await storage.pin(nameOf(exchange));
      exchange.empty(204);
    },
    imageUnpin: async (exchange) => {
      await storage.unpin(nameOf(exchange));
      exchange.empty(204);
    },
    imageDiff: (exchange) => {
      const { query, signal } = exchange;
      const refs = { from: required(exchange, "from"), to: required(exchange, "to") };
      const options = { limit: limitOf(exchange), after: query.find("after") };
      return answerLines(exchange, storage.diff(refs, options, signal));
    },
    imageLayers: (exchange) => {
      const options = { files: exchange.query.flag("files"), limit: limitOf(exchange) };
      return answerLines(exchange, storage.layers(nameOf(exchange), options, exchange.signal));
    },
    storageScrub: (exchange) => {
      const options = {
        repair: exchange.query.flag("repair"),
        snapshots: exchange.query.flagOr("snapshots", true),
      };
      return answerLines(exchange, storage.scrub(options, exchange.signal));
    },
  } satisfies Record<string, Handler>;
}

async function prune(storage: StorageBackend, exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  // Docker's clients say that their empty body is text.
  const request = hasBody(exchange.headers)
    ? await exchange.readJson(prunePlanRequest, "PrunePlanRequest")
    : undefined;
  const filters = decodeFilters(query.text("filters"));
  if (request?.Plan !== undefined) {
    if (query.flag("dry-run") || filters.size > 0) {
      throw new EngineError(
        "invalid",
        "a plan is carried out as it is: give no filters and no dry-run with it",
      );
    }
    exchange.json(200, await storage.applyPrunePlan(request.Plan, signal));
  } else if (query.flag("dry-run")) {
    exchange.json(200, await storage.planPrune(filters, signal));
  } else {
    exchange.json(200, await storage.prune(filters, signal));
  }
}

/** Before API 1.42 everything is answered. Throws invalid. */
function kindsOf({ query, version }: Exchange): ReadonlySet<DiskUsageKind> {
  const wanted = atLeast(version, "1.42") ? query.all("type") : [];
  if (wanted.length === 0) return new Set(KINDS);
  return new Set(
    wanted.map((name) => {
      const kind = KINDS.find((each) => each === name);
      if (kind === undefined) throw new EngineError("invalid", `unknown object type: ${name}`);
      return kind;
    }),
  );
}

/** As in the list of images. */
function imageFor(version: ApiVersion, image: DiskUsageImage): DiskUsageImage {
  if (atLeast(version, "1.44")) return image;
  const older = { ...image, VirtualSize: image.Size };
  const nameless = image.RepoTags.length === 0 && image.RepoDigests.length === 0;
  if (atLeast(version, "1.43") || !nameless) return older;
  return { ...older, RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"] };
}

function nameOf(exchange: Exchange): string {
  const name = exchange.params.name ?? "";
  if (name.trim() === "") throw new EngineError("invalid", "image name cannot be blank");
  return name;
}

function required(exchange: Exchange, parameter: string): string {
  const value = exchange.query.text(parameter);
  if (value.trim() === "") throw new EngineError("invalid", `the parameter ${parameter} names no image`);
  return value;
}

function limitOf({ query }: Exchange): number {
  const limit = query.integer("limit") ?? MOST_FILES;
  if (limit < 1 || limit > MOST_FILES) {
    throw new EngineError("invalid", `limit must be between 1 and ${MOST_FILES}, not ${limit}`);
  }
  return limit;
}

/** JSON lines. An error before the first one is thrown and gets a status; a later one is the last line. */
async function answerLines(exchange: Exchange, lines: AsyncIterable<object>): Promise<void> {
  const iterator = lines[Symbol.asyncIterator]();
  let step = await iterator.next();
  const body = exchange.begin(200, JSON_LINES);
  try {
    for (; step.done !== true; step = await iterator.next()) {
      await body.write(`${JSON.stringify(step.value)}\n`);
      if (exchange.signal.aborted) break;
    }
  } catch (thrown) {
    await body.write(`${JSON.stringify({ Kind: "error", Message: fromUnknown(thrown).message })}\n`);
  } finally {
    // A walk whose client has gone ends with it.
    await iterator.return?.().catch(() => undefined);
    body.end();
  }
}
