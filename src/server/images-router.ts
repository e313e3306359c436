/** Endpoints about images. */

import type { Filters } from "../api/filters.ts";
import { decodeFilters } from "../api/filters-codec.ts";
import type { ImageInspectView, ImageSummary } from "../api/image-views.ts";
import { NEVER } from "../api/rfc3339.ts";
import { type ApiVersion, atLeast } from "../api/version.ts";
import { EngineError } from "../base/errors.ts";
import type { RegistryBackend } from "../engine/images/registry-use-cases.ts";
import type { Exchange, Handler } from "./exchange.ts";
import type { ImagesBackend } from "./images-backend.ts";
import { beginProgress, tellProgress } from "./progress-answer.ts";
import { pull } from "./registry-router.ts";

export function imageRoutes(images: ImagesBackend, registry: RegistryBackend) {
  return {
    imageList: (exchange) => list(images, exchange),
    /** A pull with `fromImage`, an import without. */
    imageCreate: (exchange) =>
      exchange.query.text("fromImage") === "" ? importImage(images, exchange) : pull(registry, exchange),
    imageLoad: (exchange) => load(images, exchange),
    imageInspect: async (exchange) => {
      const { query, version } = exchange;
      const manifests = atLeast(version, "1.48") && query.flag("manifests");
      const platform = atLeast(version, "1.49") ? query.find("platform") : undefined;
      if (manifests && platform !== undefined) {
        throw new EngineError(
          "invalid",
          "conflicting options: manifests and platform options cannot both be set",
        );
      }
      const found = await images.inspect(nameOf(exchange), { platform, manifests });
      exchange.json(200, inspectFor(version, found));
    },
    imageHistory: async (exchange) => {
      const platform = atLeast(exchange.version, "1.48") ? exchange.query.find("platform") : undefined;
      exchange.json(200, await images.history(nameOf(exchange), { platform }));
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
      const platforms = atLeast(exchange.version, "1.50") ? query.all("platforms") : [];
      const options = {
        force: query.flag("force"),
        noPrune: query.flag("noprune"),
        ...(platforms.length === 0 ? {} : { platforms }),
      };
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
  const found = await images.list({
    all: query.flag("all"),
    digests: query.flag("digests"),
    sharedSize: atLeast(version, "1.42") && query.flag("shared-size"),
    manifests: atLeast(version, "1.47") && query.flag("manifests"),
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
  await tellProgress(exchange, images.load(exchange.body, options, exchange.signal));
}

function onlyPlatform(platforms: readonly string[]): string | undefined {
  if (platforms.length > 1) throw new EngineError("invalid", "multiple platform parameters not supported");
  return platforms[0] === "" ? undefined : platforms[0];
}

async function importImage(images: ImagesBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
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
  await beginProgress(exchange, images.import(exchange.body, options, exchange.signal));
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
