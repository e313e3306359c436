/** An image whose programs try to get out of their container. */
import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import type { Fixture } from "./fixture.ts";
import { busyboxTar } from "./images.ts";
import { mustRun } from "./run-command.ts";

export const PROBE = "/bin/escape-probe";
/** The same program with the set-user-id bit, root's. */
export const SETUID_PROBE = "/bin/setuid-probe";

/** Busybox with `escape-probe`, built anew in the fixture's scratch directory. Returns the image's name. */
export async function importEscapeImage(fixture: Fixture): Promise<string> {
  const program = join(fixture.scratch, "escape-probe");
  const flags = ["-std=gnu17", "-D_GNU_SOURCE", "-static", "-O1", "-Wall", "-Wextra", "-Werror"];
  await mustRun(["cc", ...flags, "-o", program, join(import.meta.dir, "escape-probe.c")]);
  return importChanged(fixture, "escape", (root) => {
    copyFileSync(program, join(root, PROBE));
    copyFileSync(program, join(root, SETUID_PROBE));
    chmodSync(join(root, SETUID_PROBE), 0o4755);
  });
}

/** Busybox with its root altered by `change`; `instructions` are those of `docker import --change`. */
export async function importChanged(
  { daemon, scratch }: Fixture,
  name: string,
  change: (root: string) => void,
  instructions: readonly string[] = [],
): Promise<string> {
  const tar = await busyboxTar(scratch, change, `${name}.tar`);
  await daemon.mustDocker(
    "import",
    ...instructions.flatMap((each) => ["--change", each]),
    tar,
    `${name}:latest`,
  );
  return `${name}:latest`;
}
