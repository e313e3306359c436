/** Finds the endpoint of a request. */
import { ROUTES, type RouteName } from "../api/routes.ts";
import { EngineError } from "../base/errors.ts";

export interface RouteMatch {
  readonly name: RouteName;
  readonly params: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly name: RouteName;
  readonly expression: RegExp;
  readonly parameters: readonly string[];
}

/** Routes by method and first part of the path: a handful is left to try. */
const ROUTES_BY_HEAD = new Map<string, CompiledRoute[]>();
for (const name of Object.keys(ROUTES) as RouteName[]) {
  const [method = "", pattern = ""] = ROUTES[name].split(" ");
  const parameters: string[] = [];
  const source = pattern
    .replace(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replace(/\{(\w+)\}/g, (_, parameter: string) => {
      parameters.push(parameter);
      return "(.*)";
    });
  const head = headOf(method, pattern);
  const compiled = { name, expression: new RegExp(`^${source}$`, "s"), parameters };
  ROUTES_BY_HEAD.set(head, [...(ROUTES_BY_HEAD.get(head) ?? []), compiled]);
}

/** `path` is decoded and without a version. Undefined for what is no endpoint, also by its method, as in Docker. */
export function matchRoute(method: string, path: string): RouteMatch | undefined {
  for (const route of ROUTES_BY_HEAD.get(headOf(method, path)) ?? []) {
    const match = route.expression.exec(path);
    if (match === null) continue;
    const params = Object.fromEntries(route.parameters.map((name, index) => [name, match[index + 1] ?? ""]));
    return { name: route.name, params };
  }
  return undefined;
}

function headOf(method: string, path: string): string {
  const end = path.indexOf("/", 1);
  return `${method} ${end === -1 ? path : path.slice(0, end)}`;
}

/** Splits a request's target in its decoded path and its query. Throws invalid for a broken escape. */
export function parseTarget(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf("?");
  const raw = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? "" : target.slice(mark + 1);
  if (!raw.includes("%")) return { path: raw, query };
  try {
    return { path: decodeURIComponent(raw), query };
  } catch (cause) {
    throw new EngineError("invalid", `invalid URL escape in path ${JSON.stringify(raw)}`, { cause });
  }
}
