/** Endpoints between images and registries: pull, push, login, search. */
import { decodeFilters } from "../api/filters-codec.ts";
import { authConfigShape } from "../api/registry-views.ts";
import { atLeast } from "../api/version.ts";
import { EngineError, isKind } from "../base/errors.ts";
import type { RegistryBackend } from "../engine/images/registry-use-cases.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { hasBody } from "./json-body.ts";
import { beginProgress } from "./progress-answer.ts";
import { authOf, missingAuth } from "./registry-auth.ts";

export function registryRoutes(registry: RegistryBackend) {
  return withDockerStatus({
    auth: async (exchange) => {
      const auth = await exchange.readJson(authConfigShape, "AuthConfig");
      exchange.json(200, await registry.login(auth ?? {}, exchange.signal));
    },
    distributionInspect: async (exchange) => {
      const { name = "" } = exchange.params;
      const { signal } = exchange;
      exchange.json(200, await registry.inspectDistribution(name, authOf(exchange.headers), signal));
    },
    imageSearch: async (exchange) => {
      const { query, signal } = exchange;
      const options = {
        limit: limitOf(exchange),
        filters: decodeFilters(query.text("filters")),
        auth: authOf(exchange.headers),
      };
      exchange.json(200, await registry.search(query.text("term"), options, signal));
    },
    imagePush: (exchange) => push(registry, exchange),
  });
}

/** A registry that cannot be reached is an internal error to Docker's clients: 503 is the daemon's own state. */
function withDockerStatus<Name extends string>(handlers: Record<Name, Handler>): Record<Name, Handler> {
  const wrapped = Object.entries<Handler>(handlers).map(([name, handler]) => [name, dockerStatus(handler)]);
  return Object.fromEntries(wrapped) as Record<Name, Handler>;
}

export function dockerStatus(handler: Handler): Handler {
  return async (exchange) => {
    try {
      await handler(exchange);
    } catch (thrown) {
      if (!isKind(thrown, "unavailable")) throw thrown;
      throw new EngineError("internal", thrown.message, { cause: thrown });
    }
  };
}

/** `POST /images/create?fromImage=`. */
export async function pull(registry: RegistryBackend, exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const options = {
    fromImage: query.text("fromImage"),
    tag: query.text("tag"),
    platform: atLeast(exchange.version, "1.32") ? query.find("platform") : undefined,
    auth: authOf(exchange.headers),
  };
  await dockerStatus(() => beginProgress(exchange, registry.pull(options, exchange.signal)))(exchange);
}

async function push(registry: RegistryBackend, exchange: Exchange): Promise<void> {
  const { query, headers } = exchange;
  const header = headers["x-registry-auth"];
  const body =
    header === undefined && hasBody(headers)
      ? await exchange.readJson(authConfigShape, "AuthConfig")
      : undefined;
  if (header === undefined && body === undefined) throw missingAuth();
  const options = {
    name: exchange.params.name ?? "",
    tag: query.text("tag"),
    platform: atLeast(exchange.version, "1.46") ? query.find("platform") : undefined,
    auth: body ?? authOf(headers),
  };
  await beginProgress(exchange, registry.push(options, exchange.signal));
}

function limitOf({ query }: Exchange): number | undefined {
  const text = query.text("limit");
  if (text === "") return undefined;
  if (/^[+-]?[0-9]{1,15}$/.test(text)) return Number(text);
  throw new EngineError(
    "invalid",
    `invalid limit specified: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
