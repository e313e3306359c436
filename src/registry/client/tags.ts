/** Lists in pages (distribution-spec, "Listing Tags"; RFC 8288 for the `Link` header). */
import { EngineError } from "../../base/errors.ts";
import { JsonShape } from "../../oci/json-shape.ts";
import type { ImageName } from "../../oci/reference.ts";
import { repositoryScope } from "./authorizer.ts";
import type { Contact } from "./contacts.ts";
import { readSmallBody } from "./http-transport.ts";
import type { RegistryCall } from "./registry-client.ts";
import { errorOfResponse, pullError } from "./registry-errors.ts";
import { addressFrom, type Requests } from "./requests.ts";
import type { Sources } from "./sources.ts";

const MAX_PAGE_BYTES = 4 << 20;
const MAX_PAGES = 1000;
const MAX_TAGS = 100_000;

export interface PagedList {
  readonly target: string;
  /** Of the JSON object that each page is. */
  readonly key: string;
  readonly scopes: readonly string[];
  readonly maxItems: number;
}

/** Goes on as long as `wanted` says so, within limits. Throws invalid for more pages or items than anyone has. */
export async function readPages(
  requests: Requests,
  contact: Contact,
  list: PagedList,
  call: RegistryCall,
  wanted: (itemsSoFar: readonly string[]) => boolean = () => true,
): Promise<string[]> {
  const shape = new JsonShape(`invalid list from registry ${contact.base.host}`);
  const items: string[] = [];
  let target: string | URL | undefined = list.target;
  for (let page = 0; target !== undefined && wanted(items); page++) {
    if (page === MAX_PAGES) shape.fail(`it has more than ${MAX_PAGES} pages`);
    const { response, url } = await requests.send(
      contact,
      { method: "GET", target, headers: { Accept: "application/json" }, scopes: list.scopes },
      call,
    );
    if (response.status !== 200) throw await errorOfResponse(response);
    const bytes = await readSmallBody(response, MAX_PAGE_BYTES, "a page of the list");
    const document = shape.object(shape.parse(bytes, MAX_PAGE_BYTES), "the page");
    items.push(...(shape.optionalTexts(document[list.key], list.key, list.maxItems) ?? []));
    if (items.length > list.maxItems) shape.fail(`it has more than ${list.maxItems} items`);
    target = nextPage(contact, response.headers.get("link"), url);
  }
  return items;
}

function nextPage(contact: Contact, header: string | null, from: URL): URL | undefined {
  const match = /<([^<>]{1,4096})>\s*;[^<]*\brel\s*=\s*"?next\b/i.exec(header ?? "");
  if (match === null) return undefined;
  const next = addressFrom(match[1] ?? "", from);
  // Registries behind a proxy that ends TLS tend to name themselves wrongly: only what comes after the host counts.
  next.protocol = contact.base.protocol;
  next.hostname = contact.base.hostname;
  next.port = contact.base.port;
  if (contact.endpoint.isMirror && !next.searchParams.has("ns"))
    next.searchParams.append("ns", contact.endpoint.registry);
  return next;
}

export function readTags(
  { requests, sources }: { readonly requests: Requests; readonly sources: Sources },
  name: ImageName,
  call: RegistryCall,
): Promise<string[]> {
  const list: PagedList = {
    target: `/v2/${name.path}/tags/list`,
    key: "tags",
    scopes: [repositoryScope(name.path, "pull")],
    maxItems: MAX_TAGS,
  };
  return sources.read(name.domain, call, async (contact) => {
    try {
      return await readPages(requests, contact, list, call);
    } catch (error) {
      throw error instanceof EngineError ? pullError(error, name, undefined) : error;
    }
  });
}
