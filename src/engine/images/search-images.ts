import type { Filters } from "../../api/filters.ts";
import type { SearchResultView } from "../../api/registry-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { RegistryCall, RegistryClient, SearchResult } from "../../registry/client/registry-client.ts";

const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;
const ACCEPTED = new Set(["is-automated", "is-official", "stars"]);

/** `GET /images/search`: asks Docker Hub, or the registry that the term begins with. Throws invalid for limit and filters. */
export async function searchImages(
  registry: RegistryClient,
  term: string,
  options: { readonly limit: number | undefined; readonly filters: Filters },
  call: RegistryCall,
): Promise<SearchResultView[]> {
  const limit = options.limit === undefined || options.limit === 0 ? DEFAULT_LIMIT : options.limit;
  const select = compileFilters(options.filters);
  if (limit < 1 || limit > MAX_LIMIT) {
    throw new EngineError("invalid", `limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`);
  }
  if (term.includes("://")) {
    throw new EngineError(
      "invalid",
      `invalid repository name: repository name (${term}) should not have a scheme`,
    );
  }
  const { domain, rest } = splitTerm(term);
  const found = await registry.search(domain, rest, limit, call);
  return found.filter(select).slice(0, limit).map(viewOf);
}

/** `quay.io/term`: a first part that can be a host is one. */
function splitTerm(term: string): { domain: string; rest: string } {
  const slash = term.indexOf("/");
  const first = term.slice(0, Math.max(0, slash));
  const isHost = first === "localhost" || /[.:]/.test(first);
  if (!isHost || first === "docker.io" || first === "index.docker.io") {
    return { domain: "docker.io", rest: (isHost ? term.slice(slash + 1) : term).replace(/^library\//, "") };
  }
  return { domain: first, rest: term.slice(slash + 1) };
}

type Select = (result: SearchResult) => boolean;

function compileFilters(filters: Filters): Select {
  for (const key of filters.keys()) {
    if (!ACCEPTED.has(key)) throw new EngineError("invalid", `invalid filter '${key}'`);
  }
  const isOfficial = flagOf(filters, "is-official");
  const isAutomated = flagOf(filters, "is-automated");
  const stars = Math.max(0, ...(filters.get("stars") ?? []).map(parseStars));
  return (result) =>
    (isOfficial === undefined || result.isOfficial === isOfficial) &&
    (isAutomated === undefined || result.isAutomated === isAutomated) &&
    result.starCount >= stars;
}

function flagOf(filters: Filters, key: string): boolean | undefined {
  const values = filters.get(key) ?? [];
  if (values.length === 0) return undefined;
  const yes = values.some((value) => value === "1" || value === "true");
  const no = values.some((value) => value === "0" || value === "false");
  if (yes === no) throw new EngineError("invalid", `invalid filter '${key}=[${values.join(" ")}]'`);
  return yes;
}

function parseStars(text: string): number {
  if (/^[+-]?[0-9]{1,15}$/.test(text)) return Number(text);
  throw new EngineError(
    "invalid",
    `invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function viewOf(result: SearchResult): SearchResultView {
  return {
    star_count: result.starCount,
    is_official: result.isOfficial,
    name: result.name,
    is_automated: result.isAutomated,
    description: result.description,
  };
}
