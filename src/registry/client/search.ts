/** Search: Docker Hub's index, the same form elsewhere, or else a registry's catalog. */
import { EngineError } from "../../base/errors.ts";
import { type JsonObject, JsonShape } from "../../oci/json-shape.ts";
import type { Contact } from "./contacts.ts";
import type { Endpoint } from "./endpoints.ts";
import { type HttpResponse, readSmallBody } from "./http-transport.ts";
import type { RegistryCall, SearchResult } from "./registry-client.ts";
import { errorOfResponse } from "./registry-errors.ts";
import type { Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";
import { readPages } from "./tags.ts";
import { basicHeader } from "./tokens.ts";

const HUB = "docker.io";
/** The Hub's search is not where its images are. */
export const HUB_INDEX: Endpoint = {
  registry: HUB,
  isMirror: false,
  bases: ["https://index.docker.io"],
  verify: true,
};
const DEFAULT_LIMIT = 25;
const MAX_LIMIT = 100;
const MAX_ANSWER_BYTES = 4 << 20;
const MAX_CATALOG = 100_000;

interface Parts {
  readonly requests: Requests;
  readonly sources: Sources;
  /** Reaches HUB_INDEX. */
  hubIndex(call: RegistryCall): Promise<Contact>;
}

/** `limit` 0 is Docker's default of 25. Throws invalid outside of 1 to 100. */
export async function searchRegistry(
  parts: Parts,
  domain: string,
  term: string,
  limit: number,
  call: RegistryCall,
): Promise<SearchResult[]> {
  const most = limit === 0 ? DEFAULT_LIMIT : limit;
  if (!Number.isInteger(most) || most < 1 || most > MAX_LIMIT)
    throw new EngineError("invalid", `limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`);
  const hub = domain === HUB;
  const contact = hub ? await parts.hubIndex(call) : await parts.sources.origin(domain, call);
  const query = new URLSearchParams({ q: hub ? term.replace(/^library\//, "") : term, n: String(most) });
  const { response } = await parts.requests.send(
    contact,
    {
      method: "GET",
      target: `/v1/search?${query}`,
      headers: { Accept: "application/json" },
      scopes: ["registry:catalog:search"],
      authorization: hub ? hubAuthorization(call) : undefined,
    },
    call,
  );
  const isJson = /^application\/json\b/i.test(response.headers.get("content-type") ?? "");
  if (response.status === 200 && (hub || isJson)) return (await readResults(response)).slice(0, most);
  if (hub || response.status === 401 || response.status === 403) throw await searchError(response);
  await response.discard();
  return searchCatalog(parts.requests, contact, term, most, call);
}

/** The Hub's index takes a password as it is, nothing at all, or an identity token by way of the token server. */
function hubAuthorization({ credentials }: RegistryCall): string | undefined {
  const hasIdentity = (credentials?.identityToken ?? "") !== "" && (credentials?.username ?? "") !== "";
  return hasIdentity ? undefined : (basicHeader(credentials) ?? "");
}

async function searchError(response: HttpResponse): Promise<EngineError> {
  const error = await errorOfResponse(response);
  return new EngineError(error.kind, `unexpected status code ${response.status}: ${error.message}`, {
    cause: error,
    details: error.details,
  });
}

async function readResults(response: HttpResponse): Promise<SearchResult[]> {
  const shape = new JsonShape("error decoding registry search results");
  const bytes = await readSmallBody(response, MAX_ANSWER_BYTES, "the answer to the search");
  const document = shape.object(shape.parse(bytes, MAX_ANSWER_BYTES), "the document");
  const results = document.results ?? [];
  return shape
    .list(results, "results", MAX_CATALOG)
    .map((item, at) => readResult(shape, shape.object(item, `results[${at}]`), `results[${at}]`));
}

/** Automated builds are no more: Docker answers false whatever the index says. */
function readResult(shape: JsonShape, entry: JsonObject, at: string): SearchResult {
  return {
    name: shape.text(entry.name, `${at}.name`),
    description: shape.optionalText(entry.description, `${at}.description`) ?? "",
    starCount: shape.optionalInteger(entry.star_count, `${at}.star_count`) ?? 0,
    isOfficial: shape.optionalFlag(entry.is_official, `${at}.is_official`) ?? false,
    isAutomated: false,
  };
}

async function searchCatalog(
  requests: Requests,
  contact: Contact,
  term: string,
  limit: number,
  call: RegistryCall,
): Promise<SearchResult[]> {
  const list = {
    target: "/v2/_catalog",
    key: "repositories",
    scopes: ["registry:catalog:*"],
    maxItems: MAX_CATALOG,
  };
  const wanted = term.toLowerCase();
  const found = (names: readonly string[]) => names.filter((name) => name.includes(wanted));
  const names = await readPages(requests, contact, list, call, (soFar) => found(soFar).length < limit);
  return found(names)
    .slice(0, limit)
    .map((name) => ({ name, description: "", starCount: 0, isOfficial: false, isAutomated: false }));
}
