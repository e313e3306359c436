import type { DeviceMapping, ThrottleDevice } from "../../api/container-config.ts";
import { parseSize } from "../../base/units.ts";
import { CliFailure, ValueError } from "../failure.ts";
import { keyValues, splitFields, splitOnce } from "./words.ts";

const isMode = (word: string) => /^[rwm]{1,3}$/.test(word) && new Set(word).size === word.length;

/** `/dev/x[:/in/container][:rwm]`. Throws CliFailure `hint`, as it is read after all flags. */
export function parseDevice(text: string): DeviceMapping {
  const parts = text.split(":");
  const [host = "", second = "", third] = parts;
  if (parts.length > 3 || host === "") throw new CliFailure(`bad format for path: ${text}`, "hint");
  const secondIsMode = parts.length === 2 && isMode(second);
  const mode = secondIsMode ? second : third;
  if (mode !== undefined && !isMode(mode)) throw new CliFailure(`bad mode specified: ${mode}`, "hint");
  const inside = secondIsMode || second === "" ? host : second;
  if (!inside.startsWith("/")) throw new CliFailure(`${inside} is not an absolute path`, "hint");
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: mode ?? "rwm" };
}

/** `type major:minor mode`: `c 1:3 mr`, `a *:* rwm`. */
export function checkDeviceRule(text: string): string {
  if (/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text)) return text;
  throw new ValueError(`invalid device cgroup format '${text}'`);
}

/** `/dev/sda:1mb` → bytes a second. */
export function parseByteRate(text: string): ThrottleDevice {
  const [path, rate] = splitDevice(text);
  try {
    return { Path: path, Rate: parseSize(rate) };
  } catch {
    throw new ValueError(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
    );
  }
}

/** `/dev/sda:1000` → operations a second. */
export function parseOperationRate(text: string): ThrottleDevice {
  const [path, rate] = splitDevice(text);
  if (!/^\d+$/.test(rate)) {
    throw new ValueError(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    );
  }
  return { Path: path, Rate: Number(rate) };
}

export function parseWeight(text: string): { Path: string; Weight: number } {
  const [path, weight] = splitDevice(text);
  const number = Number(weight);
  if (!/^\d+$/.test(weight) || (number !== 0 && (number < 10 || number > 1000))) {
    throw new ValueError(`invalid weight for device: ${text}`);
  }
  return { Path: path, Weight: number };
}

function splitDevice(text: string): [string, string] {
  const [path, value, hasValue] = splitOnce(text, ":");
  if (!hasValue || path === "") throw new ValueError(`bad format: ${text}`);
  if (!path.startsWith("/dev/")) throw new ValueError(`bad format for device path: ${text}`);
  return [path, value];
}

/** One request of --gpus, as the API takes it. */
export interface DeviceRequest {
  Driver: string;
  Count: number;
  DeviceIDs: string[] | null;
  Capabilities: string[][];
  Options: Record<string, string>;
}

/** `all`, `2`, `device=0,"capabilities=compute,utility"`. */
export function parseGpus(text: string): DeviceRequest {
  const request: DeviceRequest = {
    Driver: "",
    Count: 0,
    DeviceIDs: null,
    Capabilities: [["gpu"]],
    Options: {},
  };
  const seen = new Set<string>();
  for (const field of splitFields(text)) {
    const [name, rest, hasValue] = splitOnce(field, "=");
    const [key, value] = hasValue ? [name, rest] : ["count", name];
    if (seen.has(key)) throw new ValueError(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (key === "driver") request.Driver = value;
    else if (key === "count") request.Count = gpuCount(value);
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else if (key === "options") request.Options = keyValues(splitFields(value));
    else throw new ValueError(`unexpected key '${key}' in '${field}'`);
  }
  if (!seen.has("count") && request.DeviceIDs === null) request.Count = 1;
  return request;
}

function gpuCount(text: string): number {
  if (text === "all") return -1;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw new ValueError(`invalid count (${text}): value must be either "all" or an integer: invalid syntax`);
}
