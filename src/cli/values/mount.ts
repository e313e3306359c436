import type { MountRequest } from "../../api/container-config.ts";
import { parseSize } from "../../base/units.ts";
import { ValueError } from "../failure.ts";
import { parseBool } from "./numbers.ts";
import { splitFields, splitOnce } from "./words.ts";

/** Keys that may stand without a value, meaning true. */
const SWITCHES = ["readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"];

type Setter = (mount: MountRequest, value: string, key: string) => void;

const setSource: Setter = (mount, value) => {
  mount.Source = value;
};
const setTarget: Setter = (mount, value) => {
  mount.Target = value;
};
const setReadOnly: Setter = (mount, value, key) => {
  mount.ReadOnly = boolean(key, value);
};
const bind = (mount: MountRequest, option: MountRequest["BindOptions"]) => {
  mount.BindOptions = { ...mount.BindOptions, ...option };
};
const volume = (mount: MountRequest, option: MountRequest["VolumeOptions"]) => {
  mount.VolumeOptions = { ...mount.VolumeOptions, ...option };
};
const tmpfs = (mount: MountRequest, option: MountRequest["TmpfsOptions"]) => {
  mount.TmpfsOptions = { ...mount.TmpfsOptions, ...option };
};

const SETTERS: Readonly<Record<string, Setter>> = {
  type: (mount, value) => {
    mount.Type = value.toLowerCase() as MountRequest["Type"];
  },
  source: setSource,
  src: setSource,
  target: setTarget,
  dst: setTarget,
  destination: setTarget,
  readonly: setReadOnly,
  ro: setReadOnly,
  consistency: (mount, value) => {
    mount.Consistency = value.toLowerCase();
  },
  "bind-propagation": (mount, value) => bind(mount, { Propagation: value.toLowerCase() }),
  "bind-nonrecursive": (mount, value, key) => bind(mount, { NonRecursive: boolean(key, value) }),
  "bind-recursive": (mount, value, key) => bind(mount, recursion(key, value)),
  "bind-create-src": (mount, value, key) => bind(mount, { CreateMountpoint: boolean(key, value) }),
  "volume-subpath": (mount, value) => volume(mount, { Subpath: value }),
  "volume-nocopy": (mount, value, key) => volume(mount, { NoCopy: boolean(key, value) }),
  "volume-label": (mount, value) =>
    volume(mount, { Labels: { ...mount.VolumeOptions?.Labels, ...pair(value) } }),
  "volume-driver": (mount, value) =>
    volume(mount, { DriverConfig: { ...mount.VolumeOptions?.DriverConfig, Name: value } }),
  "volume-opt": (mount, value) => {
    const driver: { Options?: Record<string, string> } = mount.VolumeOptions?.DriverConfig ?? {};
    volume(mount, { DriverConfig: { ...driver, Options: { ...driver.Options, ...pair(value) } } });
  },
  "image-subpath": (mount, value) => {
    mount.ImageOptions = { Subpath: value };
  },
  "tmpfs-size": (mount, value, key) => tmpfs(mount, { SizeBytes: size(key, value) }),
  "tmpfs-mode": (mount, value, key) => {
    if (!/^[0-7]+$/.test(value)) throw new ValueError(`invalid value for ${key}: ${value}`);
    tmpfs(mount, { Mode: Number.parseInt(value, 8) });
  },
};

/** `type=bind,source=/a,target=/b,readonly` → a mount of the API; what it cannot be is said in Docker's words. */
export function parseMount(text: string): MountRequest {
  const mount: MountRequest = { Type: "volume" };
  if (text.trim() === "") throw new ValueError("value is empty");
  for (const field of splitFields(text.trim())) {
    const [key, value, hasValue] = splitOnce(field, "=");
    if (key.trim() !== key) {
      throw new ValueError(`invalid option '${key.trim()}' in '${field}': option should not have whitespace`);
    }
    if (hasValue && value.trim() === "") throw new ValueError(`invalid value for '${key}': value is empty`);
    if (value.trim() !== value) {
      throw new ValueError(`invalid value for '${key}' in '${field}': value should not have whitespace`);
    }
    const name = key.toLowerCase();
    if (!hasValue && !SWITCHES.includes(name)) {
      throw new ValueError(`invalid field '${field}' must be a key=value pair`);
    }
    const set = Object.hasOwn(SETTERS, name) ? SETTERS[name] : undefined;
    if (set === undefined) throw new ValueError(`unexpected key '${name}' in '${field}'`);
    set(mount, hasValue ? value : "true", name);
  }
  checkMount(mount);
  return mount;
}

function checkMount(mount: MountRequest): void {
  const { Type = "", BindOptions, VolumeOptions, ImageOptions, TmpfsOptions } = mount;
  if ((Type as string) === "") throw new ValueError("type is required");
  if (mount.Target === undefined || mount.Target === "") throw new ValueError("target is required");
  const foreign: readonly (readonly [string, object | undefined])[] = [
    ["bind", BindOptions],
    ["volume", VolumeOptions],
    ["image", ImageOptions],
    ["tmpfs", TmpfsOptions],
  ];
  const wrong = foreign.find(([kind, options]) => options !== undefined && kind !== Type);
  if (wrong !== undefined) {
    throw new ValueError(`cannot mix '${wrong[0]}-*' options with mount type '${Type}'`);
  }
  if (BindOptions?.ReadOnlyNonRecursive === true && mount.ReadOnly !== true) {
    throw new ValueError(
      "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction",
    );
  }
  if (BindOptions?.ReadOnlyForceRecursive !== true) return;
  if (mount.ReadOnly !== true) {
    throw new ValueError(
      "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
    );
  }
  if (BindOptions.Propagation !== "rprivate") {
    throw new ValueError(
      "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction",
    );
  }
}

function recursion(key: string, value: string): MountRequest["BindOptions"] {
  if (value === "enabled") return {};
  if (value === "disabled") return { NonRecursive: true };
  if (value === "writable") return { ReadOnlyNonRecursive: true };
  if (value === "readonly") return { ReadOnlyForceRecursive: true };
  throw new ValueError(
    `invalid value for ${key}: ${value} (must be "enabled", "disabled", "writable", or "readonly")`,
  );
}

function boolean(key: string, value: string): boolean {
  try {
    return parseBool(value);
  } catch {
    throw new ValueError(`invalid value for ${key}: ${value}`);
  }
}

function size(key: string, value: string): number {
  try {
    return parseSize(value);
  } catch {
    throw new ValueError(`invalid value for ${key}: ${value}`);
  }
}

function pair(text: string): Record<string, string> {
  const [key, value] = splitOnce(text, "=");
  return key === "" ? {} : { [key]: value };
}
