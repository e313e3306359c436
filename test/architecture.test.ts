/**
 * The direction of imports is a fact of the code, not a convention: this test reads every import and fails on any that
 * the plan of the folders does not allow, and on any circle of files. There is no list of exceptions.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

const ROOT = join(import.meta.dir, "..");

/** Folder of src/ → folders it may import from, besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  api: ["base"],
  oci: ["base", "api"],
  host: ["base", "api", "oci"],
  kernel: ["base", "api", "oci", "host"],
  store: ["base", "api", "oci", "host", "kernel"],
  runtime: ["base", "api", "oci", "host", "kernel"],
  registry: ["base", "api", "oci", "host", "kernel", "store"],
  engine: ["base", "api", "oci", "host", "kernel", "store", "runtime", "registry"],
  server: ["base", "api", "oci", "host", "engine"],
  client: ["base", "api", "oci"],
  cli: ["base", "api", "oci", "client"],
  main: [
    "base",
    "api",
    "oci",
    "host",
    "kernel",
    "store",
    "runtime",
    "registry",
    "engine",
    "server",
    "client",
    "cli",
  ],
};
/** Pure folders may not touch the machine at all. */
const PURE = ["base", "api", "oci"];
/** Where Bun's own API may stand. */
const BUN_API = ["host", "kernel", "client", "cli", "main"];

function sourceFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)));
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const IMPORT =
  /^\s*(import|export)\s+(type\s+)?(?:[^"';]*?\sfrom\s+)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/gm;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), "utf8");
  return [...text.matchAll(IMPORT)].map((match) => ({
    from: file,
    to: match[3] ?? match[4] ?? "",
    typeOnly: match[2] !== undefined,
  }));
}

const isTest = (file: string) => /\.(test|contract)\.ts$|\/testing\//.test(file);
const folderOf = (file: string) => file.split("/")[1] ?? "";
const files = sourceFiles(join(ROOT, "src"));
const imports = files.flatMap(importsOf);
const targetOf = (edge: Import) => normalize(join(dirname(edge.from), edge.to));

describe("architecture", () => {
  test("every folder of src/ is in the plan", () => {
    expect([...new Set(files.map(folderOf))].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });

  test("imports go in the planned direction only", () => {
    const wrong = imports
      .filter((edge) => edge.to.startsWith("."))
      .map((edge) => ({ edge, target: targetOf(edge) }))
      .filter(({ edge, target }) => {
        if (!target.startsWith("src/")) return !isTest(edge.from) && !/^(dist|package\.json)/.test(target);
        const from = folderOf(edge.from);
        const to = folderOf(target);
        return from !== to && !(MAY_IMPORT[from] ?? []).includes(to);
      })
      .map(({ edge, target }) => `${edge.from} imports ${target}`);
    expect(wrong).toEqual([]);
  });

  test("pure folders import nothing of the machine", () => {
    const impure = imports
      .filter((edge) => PURE.includes(folderOf(edge.from)) && !isTest(edge.from) && !edge.to.startsWith("."))
      .map((edge) => `${edge.from} imports ${edge.to}`);
    expect(impure).toEqual([]);
  });

  test("Bun's own API stays behind the folders that may use it", () => {
    const users = files
      .filter((file) => !isTest(file) && !BUN_API.includes(folderOf(file)))
      .filter((file) => /\bBun\.|from "bun/.test(readFileSync(join(ROOT, file), "utf8")));
    expect(users).toEqual([]);
  });

  test("no circle of files", () => {
    const edges = new Map<string, string[]>();
    for (const edge of imports) {
      if (!edge.to.startsWith(".") || edge.typeOnly || isTest(edge.from)) continue;
      edges.set(edge.from, [...(edges.get(edge.from) ?? []), targetOf(edge)]);
    }
    expect(findCircle(edges)).toBeUndefined();
  });
});

/** Depth-first search with the path kept, so that a failure prints the circle. */
function findCircle(edges: ReadonlyMap<string, readonly string[]>): string | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file].join(" → ");
    if (done.has(file)) return undefined;
    for (const next of edges.get(file) ?? []) {
      const circle = visit(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of edges.keys()) {
    const circle = visit(file, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}
