import { EngineError } from "../../../base/errors.ts";

/** Of each pair the later one wins. mount(8), "filesystem-independent mount options". */
const OPPOSITES: Readonly<Record<string, string>> = {
  ro: "rw",
  rw: "ro",
  exec: "noexec",
  noexec: "exec",
  suid: "nosuid",
  nosuid: "suid",
  dev: "nodev",
  nodev: "dev",
  atime: "noatime",
  noatime: "atime",
  diratime: "nodiratime",
  nodiratime: "diratime",
  relatime: "norelatime",
  norelatime: "relatime",
  strictatime: "nostrictatime",
  nostrictatime: "strictatime",
};
const VALUES: Readonly<Record<string, RegExp>> = {
  size: /^[0-9]+[kmg%]?$/i,
  mode: /^[0-7]{1,5}$/,
  uid: /^[0-9]{1,10}$/,
  gid: /^[0-9]{1,10}$/,
  nr_inodes: /^[0-9]+[kmg]?$/i,
  nr_blocks: /^[0-9]+[kmg]?$/i,
};
const DEFAULTS = ["noexec", "nosuid", "nodev"];

/** Docker's defaults and then the user's, without contradictions. Throws invalid for an option that tmpfs(5) does not have. */
export function mergeTmpfsOptions(given: readonly string[]): string[] {
  const merged = new Map<string, string>(DEFAULTS.map((option) => [option, option]));
  for (const option of given) {
    if (option === "") continue;
    const [key = "", value] = splitOption(option);
    const opposite = OPPOSITES[key];
    const isFlag = Object.hasOwn(OPPOSITES, key) && value === undefined;
    const isValue = Object.hasOwn(VALUES, key) && value !== undefined && VALUES[key]?.test(value);
    if (!isFlag && !isValue) throw new EngineError("invalid", `invalid tmpfs option ["${option}"]`);
    if (opposite !== undefined) merged.delete(opposite);
    merged.delete(key);
    merged.set(key, option);
  }
  return [...merged.values()];
}

function splitOption(option: string): [key: string, value: string | undefined] {
  const at = option.indexOf("=");
  return at < 0 ? [option, undefined] : [option.slice(0, at), option.slice(at + 1)];
}
