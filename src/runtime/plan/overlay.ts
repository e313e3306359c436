import { dirname, relative, sep } from "node:path";
import { EngineError } from "../../base/errors.ts";
import type { PlanOperation } from "../../kernel/plan.ts";
import { Op } from "../../kernel/protocol.ts";
import type { RootFilesystem } from "../container-runtime.ts";
import { Ms } from "./kernel-flags.ts";

/** mount(2) takes one page of options, with the terminating NUL. */
const OPTIONS_MAX_BYTES = 4095;
/** OVL_MAX_STACK of fs/overlayfs. */
const LOWER_MAX = 500;

/** The deepest directory that all paths lie in. */
function commonDirectory(paths: readonly string[]): string {
  const [first = "/", ...rest] = paths.map(dirname);
  return rest.reduce((common, path) => {
    let at = common;
    while (at !== sep && path !== at && !path.startsWith(`${at}${sep}`)) at = dirname(at);
    return at;
  }, first);
}

/** `:` parts lower directories, `,` options; overlayfs takes both literally behind a backslash. */
function escapeName(name: string): string {
  return name.replace(/[\\:,]/g, "\\$&");
}

/**
 * Mounts the layers on `target`; without layers, `upperDir` itself. Names are relative to the directory that all layers share, so that many of them fit into the
 * one page that the kernel takes. `index=off`: an upper directory may meet other lower ones later, as when a container
 * is restarted on top of a moved store. Throws exhausted for more layers than fit.
 */
export function overlayOperations(root: RootFilesystem, target: string): PlanOperation[] {
  const { lowerDirs, upperDir, workDir } = root;
  // Nothing to lay over: a whole tree of its own (the vfs driver's), or an image without layers.
  // A bind joins the peer group of what it shows, where an overlay is private from the start.
  if (lowerDirs.length === 0) {
    return [
      { op: Op.MOUNT, args: ["none", upperDir, target, Ms.BIND, ""] },
      { op: Op.PROPAGATION, args: [target, Ms.PRIVATE] },
    ];
  }
  const base = commonDirectory([...lowerDirs, upperDir, workDir]);
  const name = (path: string) => escapeName(relative(base, path));
  const options = [
    `lowerdir=${lowerDirs.map(name).join(":")}`,
    `upperdir=${name(upperDir)}`,
    `workdir=${name(workDir)}`,
    "index=off",
  ].join(",");
  if (lowerDirs.length > LOWER_MAX || Buffer.byteLength(options) > OPTIONS_MAX_BYTES) {
    throw new EngineError(
      "exhausted",
      `the image has ${lowerDirs.length} layers, more than one overlay mount can hold`,
    );
  }
  return [
    { op: Op.CHDIR, args: [base] },
    { op: Op.MOUNT, args: ["overlay", "overlay", target, 0, options] },
  ];
}
