/** Endpoints about images. */

import type { Filters } from "../api/filters.ts";
import { decodeFilters } from "../api/filters-codec.ts";
import type { ImageInspectView, ImageSummary, ProgressMessage } from "../api/image-views.ts";
import { JSON_TYPE } from "../api/media-types.ts";
import { NEVER } from "../api/rfc3339.ts";
import { type ApiVersion, atLeast } from "../api/version.ts";
import { EngineError, fromUnknown } from "../base/errors.ts";
import type { Exchange, Handler, ResponseBody } from "./exchange.ts";
import type { ImagesBackend } from "./images-backend.ts";

export function imageRoutes(images: ImagesBackend) {
  return {
    imageList: (exchange) => list(images, exchange),
    imageCreate: (exchange) => importImage(images, exchange),
    imageLoad: (exchange) => load(images, exchange),
    imageInspect: async (exchange) => {
      refusePlatform(exchange, "1.49");
      if (atLeast(exchange.version, "1.48") && exchange.query.flag("manifests")) throw noManifests();
      exchange.json(200, inspectFor(exchange.version, await images.inspect(nameOf(exchange))));
    },
    imageHistory: async (exchange) => {
      refusePlatform(exchange, "1.48");
      exchange.json(200, await images.history(nameOf(exchange)));
    },
    imageTag: async (exchange) => {
      const target = repositoryOf(exchange);
      if (target.repo === "")
        throw new EngineError("invalid", "invalid reference format: the repository is empty");
      await images.tag(nameOf(exchange), {
        repo: target.repo,
        tag: target.tag === "" ? "latest" : target.tag,
      });
      exchange.empty(201);
    },
    imageRemove: async (exchange) => {
      const { query } = exchange;
      if (atLeast(exchange.version, "1.50") && query.has("platforms")) {
        throw new EngineError(
          "unimplemented",
          "removing one platform of an image is not available yet in berth",
        );
      }
      const options = { force: query.flag("force"), noPrune: query.flag("noprune") };
      exchange.json(200, await images.remove(nameOf(exchange), options));
    },
  } satisfies Record<string, Handler>;
}

async function list(images: ImagesBackend, exchange: Exchange): Promise<void> {
  const { query, version } = exchange;
  let filters: Filters = decodeFilters(query.text("filters"));
  const pattern = query.text("filter");
  if (!atLeast(version, "1.41") && pattern !== "") {
    filters = new Map([...filters, ["reference", [...(filters.get("reference") ?? []), pattern]]]);
  }
  if (atLeast(version, "1.47") && query.flag("manifests")) throw noManifests();
  const found = await images.list({
    all: query.flag("all"),
    digests: query.flag("digests"),
    sharedSize: atLeast(version, "1.42") && query.flag("shared-size"),
    filters,
  });
  exchange.json(
    200,
    found.map((image) => summaryFor(version, image)),
  );
}

function summaryFor(version: ApiVersion, image: ImageSummary): ImageSummary {
  if (atLeast(version, "1.44")) return image;
  const older = { ...image, VirtualSize: image.Size };
  const nameless = image.RepoTags.length === 0 && image.RepoDigests.length === 0;
  if (atLeast(version, "1.43") || !nameless) return older;
  return { ...older, RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"] };
}

function inspectFor(version: ApiVersion, image: ImageInspectView): ImageInspectView {
  if (atLeast(version, "1.44")) return image;
  return { ...image, VirtualSize: image.Size, Created: image.Created ?? NEVER };
}

/** Docker answers 200 to every load and tells of errors in the stream. */
async function load(images: ImagesBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const platform = atLeast(exchange.version, "1.48") ? onlyPlatform(query.all("platform")) : undefined;
  const options = { quiet: query.flagOr("quiet", true), platform };
  const messages = images.load(exchange.body, options, exchange.signal);
  await writeProgress(exchange.begin(200, JSON_TYPE), messages, exchange.signal);
}

function onlyPlatform(platforms: readonly string[]): string | undefined {
  if (platforms.length > 1) throw new EngineError("invalid", "multiple platform parameters not supported");
  return platforms[0] === "" ? undefined : platforms[0];
}

/** `POST /images/create`: a pull with `fromImage`, an import without. An error before the first message has a status. */
async function importImage(images: ImagesBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  if (query.text("fromImage") !== "") {
    throw new EngineError(
      "unimplemented",
      "pulling images is not available yet in berth: load or import one",
    );
  }
  const source = query.text("fromSrc");
  if (source !== "-") {
    throw new EngineError(
      "unimplemented",
      "importing from a URL is not available yet in berth: download the archive and import it from standard input",
    );
  }
  const options = {
    ...repositoryOf(exchange),
    message: query.find("message") ?? `Imported from ${source}`,
    changes: query.all("changes"),
    platform: atLeast(exchange.version, "1.32") ? query.find("platform") : undefined,
  };
  const messages = images.import(exchange.body, options, exchange.signal)[Symbol.asyncIterator]();
  const first = await messages.next();
  await writeProgress(exchange.begin(200, JSON_TYPE), startingWith(first, messages), exchange.signal);
}

async function* startingWith<T>(
  first: IteratorResult<T, unknown>,
  rest: AsyncIterator<T>,
): AsyncGenerator<T> {
  try {
    for (let step = first; step.done !== true; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

async function writeProgress(
  body: ResponseBody,
  messages: AsyncIterable<ProgressMessage>,
  signal: AbortSignal,
): Promise<void> {
  const line = (message: ProgressMessage) => `${JSON.stringify(message)}\r\n`;
  try {
    for await (const message of messages) {
      await body.write(line(message));
      if (signal.aborted) break;
    }
  } catch (thrown) {
    const { message } = fromUnknown(thrown);
    await body.write(line({ errorDetail: { message }, error: message }));
  } finally {
    body.end();
  }
}

/** `repo` may carry the tag itself. */
function repositoryOf(exchange: Exchange): { repo: string; tag: string } {
  const repo = exchange.query.text("repo");
  const tag = exchange.query.text("tag");
  if (repo.includes("@")) throw new EngineError("invalid", "cannot import digest reference");
  const colon = repo.lastIndexOf(":");
  if (tag !== "" || colon === -1 || colon < repo.lastIndexOf("/")) return { repo, tag };
  return { repo: repo.slice(0, colon), tag: repo.slice(colon + 1) };
}

function nameOf(exchange: Exchange): string {
  const name = exchange.params.name ?? "";
  if (name.trim() === "") throw new EngineError("invalid", "image name cannot be blank");
  return name;
}

function refusePlatform(exchange: Exchange, since: `1.${number}`): void {
  if (!atLeast(exchange.version, since) || exchange.query.text("platform") === "") return;
  throw new EngineError("unimplemented", "choosing a platform of an image is not available yet in berth");
}

function noManifests(): EngineError {
  return new EngineError("unimplemented", "listing an image's manifests is not available yet in berth");
}
