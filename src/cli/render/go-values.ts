/** Values of JSON as Go would print, compare and measure them. */

/**
 * Names of fields that hold a map with keys of the user's choosing. A key that a map lacks is `<no value>`, while a field
 * that a record lacks is a mistake of the template's.
 */
const MAP_FIELDS = new Set(
  (
    "Annotations Attributes Data DriverOpts ExposedPorts GenericResources Labels Networks " +
    "Options PortBindings Ports StorageOpt Sysctls Tmpfs Volumes Runtimes IndexConfigs Details"
  ).split(" "),
);

export const isMapField = (name: string) => MAP_FIELDS.has(name);

/** The same with its keys in order, as Go prints and encodes maps. */
export function sortedMap<T>(map: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** JSON as Go's encoder writes it: maps in the order of their keys, records in that of their fields. */
export function goJson(value: unknown): string {
  return JSON.stringify(value ?? null, (key, item) =>
    isMapField(key) && typeof item === "object" && item !== null && !Array.isArray(item)
      ? sortedMap(item)
      : item,
  );
}

/** Fields that are pointers in Docker's types: unset, they print as `<nil>` where lists print as `[]`. */
const POINTERS = new Set(
  "Config Health Healthcheck Init MemorySwappiness OomKillDisable PidsLimit Platform RegistryConfig SizeRootFs SizeRw StopTimeout Swarm".split(
    " ",
  ),
);

/** Docker's templates know fields by the names of its Go types, where JSON spells them otherwise. */
const WIRE_NAMES: Readonly<Record<string, string>> = {
  APIVersion: "ApiVersion",
  CPUCfsPeriod: "CpuCfsPeriod",
  CPUCfsQuota: "CpuCfsQuota",
  CPUCount: "CpuCount",
  CPUPercent: "CpuPercent",
  CPUPeriod: "CpuPeriod",
  CPUQuota: "CpuQuota",
  CPURealtimePeriod: "CpuRealtimePeriod",
  CPURealtimeRuntime: "CpuRealtimeRuntime",
  CPUShares: "CpuShares",
  DNS: "Dns",
  DNSOptions: "DnsOptions",
  DNSSearch: "DnsSearch",
  HTTPProxy: "HttpProxy",
  HTTPSProxy: "HttpsProxy",
  ID: "Id",
  NanoCPUs: "NanoCpus",
};

/** The key of `record` that a template means by `name`; undefined when it has none. */
export function wireName(record: object, name: string): string | undefined {
  if (Object.hasOwn(record, name)) return name;
  const other = WIRE_NAMES[name];
  return other !== undefined && Object.hasOwn(record, other) ? other : undefined;
}

/** What stands for JSON's null, or for a field that is left out when empty, when it is printed. */
export class GoNull {
  constructor(
    readonly text: "[]" | "map[]" | "<nil>",
    /** Name of the field, where an answer had left it out. */
    readonly absent?: string,
  ) {}
}

export function nullOf(field: string): GoNull {
  if (isMapField(field)) return new GoNull("map[]");
  return new GoNull(POINTERS.has(field) ? "<nil>" : "[]");
}

/** Fields that are left out of an answer when they are empty: a template may name them all the same. */
const OPTIONAL: Readonly<Record<string, readonly string[]>> = {
  pointer: ["Health", "Healthcheck", "Init", "SizeRootFs", "SizeRw", "StopTimeout"],
  map: ["Annotations", "ExposedPorts", "Labels", "StorageOpt", "Sysctls", "Tmpfs", "Volumes"],
  list: ["Cmd", "Entrypoint", "Env", "Mounts", "OnBuild", "RepoDigests", "RepoTags", "Shell", "Warnings"],
  text: "Author Comment MacAddress OsVersion Runtime StopSignal User Variant WorkingDir".split(" "),
};

/** What a field is that an answer may leave out; undefined for one that no answer has. */
export function absentField(name: string): GoNull | "" | undefined {
  if (OPTIONAL.text?.includes(name)) return "";
  const known = Object.values(OPTIONAL).some((names) => names.includes(name));
  return known ? new GoNull(nullOf(name).text, name) : undefined;
}

/** `%v`. */
export function goString(value: unknown): string {
  if (value instanceof GoNull) return value.text;
  if (value === undefined) return "<no value>";
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goString).join(" ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${pairs.map(([key, item]) => `${key}:${goString(item)}`).join(" ")}]`;
  }
  if (typeof value === "number") return goNumber(value);
  return String(value);
}

/** Whole numbers as such, others with the fewest digits (`%v` of a float64). */
function goNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 1e21 || Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
}

/** What `if` goes by: no zero, no empty text, list or map. */
export function truth(value: unknown): boolean {
  if (value instanceof GoNull || value === null || value === undefined) return false;
  if (value === false || value === 0 || value === "") return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

/** strconv.Quote. */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const named = { 7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r" }[code];
    if (named !== undefined) quoted += named;
    else if (character === '"' || character === "\\") quoted += `\\${character}`;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, "0")}`;
    else quoted += character;
  }
  return `${quoted}"`;
}

/** encoding/json's default: what HTML could trip over is escaped. */
export function escapeHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}
