/** What a container create request means in an older version of the API. */
import type { ContainerCreateRequest, MountRequest } from "../api/container-config.ts";
import { type ApiVersion, atLeast } from "../api/version.ts";
import { EngineError } from "../base/errors.ts";

const invalid = (message: string) => new EngineError("invalid", message);

/** Changes the request in place. Throws invalid for what a version does not allow. */
export function applyCreateCompat(request: ContainerCreateRequest, version: ApiVersion): void {
  const host = request.HostConfig ?? {};
  request.HostConfig = host;
  // Before 1.25 clients removed their containers themselves.
  if (!atLeast(version, "1.25")) host.AutoRemove = false;
  if (!atLeast(version, "1.40")) {
    delete host.KernelMemoryTCP;
    if ((host.IpcMode ?? "") === "") host.IpcMode = "shareable";
  }
  if (atLeast(version, "1.42")) delete host.KernelMemory;
  else delete host.ConsoleSize;
  if (!atLeast(version, "1.43")) delete host.Annotations;
  if (!atLeast(version, "1.44")) {
    if (request.Healthcheck) delete request.Healthcheck.StartInterval;
    const endpoints = Object.keys(request.NetworkingConfig?.EndpointsConfig ?? {});
    if (endpoints.length > 1) {
      throw invalid(`Container cannot be created with multiple network endpoints: ${endpoints.join(", ")}`);
    }
  }
  // 0 and every negative number have always meant "unlimited" here.
  if (typeof host.PidsLimit === "number" && host.PidsLimit <= 0) host.PidsLimit = null;
  for (const mount of host.Mounts ?? []) {
    applyMountCompat(mount, version);
    checkMountOptions(mount, version);
  }
}

function applyMountCompat(mount: MountRequest, version: ApiVersion): void {
  const bind = mount.BindOptions;
  if (bind && !atLeast(version, "1.40")) bind.NonRecursive = false;
  if (!atLeast(version, "1.42")) {
    if (bind) bind.CreateMountpoint = false;
    if (mount.Type !== "volume") delete mount.VolumeOptions;
    if (mount.Type !== "tmpfs") delete mount.TmpfsOptions;
  }
  if (atLeast(version, "1.44") || mount.Type !== "bind") return;
  if (bind?.ReadOnlyForceRecursive === true) {
    throw invalid("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
  }
  // Read-only mounts were never recursive before that version.
  if (mount.ReadOnly === true) mount.BindOptions = { ...bind, ReadOnlyNonRecursive: true };
}

function checkMountOptions(mount: MountRequest, version: ApiVersion): void {
  if (atLeast(version, "1.42")) {
    const misplaced =
      mount.VolumeOptions && mount.Type !== "volume"
        ? "VolumeOptions"
        : mount.BindOptions && mount.Type !== "bind"
          ? "BindOptions"
          : mount.TmpfsOptions && mount.Type !== "tmpfs"
            ? "TmpfsOptions"
            : undefined;
    if (misplaced !== undefined) {
      throw invalid(`${misplaced} must not be specified on mount type ${JSON.stringify(mount.Type ?? "")}`);
    }
  }
  if (!atLeast(version, "1.45") && (mount.VolumeOptions?.Subpath ?? "") !== "") {
    throw invalid("VolumeOptions.Subpath needs API v1.45 or newer");
  }
  if (!atLeast(version, "1.48") && mount.Type === "image") {
    throw invalid('Mount type "Image" needs API v1.48 or newer');
  }
}
