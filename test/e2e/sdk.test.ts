/** The Python SDK, as the one that most programs use which talk to Docker without its command. */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { dockerArchive } from "../../src/store/testing/image-archives.ts";
import { withDaemon } from "../support/fixture.ts";
import { busyboxTar } from "../support/images.ts";
import { runCommand } from "../support/run-command.ts";

const SCRIPT = join(import.meta.dir, "testdata/docker_sdk.py");
/** Debian's, and one that the machine's user may have beside it; each with another docker-py perhaps. */
const INTERPRETERS = ["/usr/bin/python3", "python3"];

async function libraryOf(python: string): Promise<string | undefined> {
  try {
    const { code, stdout } = await runCommand([python, "-c", "import docker; print(docker.__version__)"]);
    return code === 0 ? stdout.trim() : undefined;
  } catch {
    // No such program.
    return undefined;
  }
}

/** docker-py's version → the interpreter that has it. */
const libraries = new Map<string, string>();
for (const python of INTERPRETERS) {
  const version = await libraryOf(python);
  if (version !== undefined && !libraries.has(version)) libraries.set(version, python);
}

if (libraries.size === 0) test.skip("docker-py is not installed: apt-get install python3-docker", () => {});
else describe("docker-py", driveSdk);

function driveSdk(): void {
  const { daemon, scratch } = withDaemon();
  let rootfs = "";
  const archive = join(scratch, "archive.tar");
  beforeAll(async () => {
    rootfs = await busyboxTar(scratch, undefined, "rootfs.tar");
    const layer = new Uint8Array(await Bun.file(rootfs).arrayBuffer());
    await Bun.write(archive, new Uint8Array(dockerArchive([{ layers: [layer], tags: ["sdk:a", "sdk:b"] }])));
  });

  const combinations = [...libraries.keys()].flatMap((library) =>
    ["1.24", "1.41", "auto"].map((version) => [library, version] as const),
  );
  test.each(combinations)("%s with API version %s", async (library, version) => {
    const python = libraries.get(library) ?? "";
    const { code, stdout, stderr } = await runCommand([
      python,
      SCRIPT,
      daemon.socket,
      version,
      archive,
      rootfs,
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const results = JSON.parse(stdout) as Record<string, string>;
    expect(Object.keys(results).length).toBeGreaterThan(12);
    const { "docker-py": used, ...outcomes } = results;
    expect(used).toBe(library);
    expect(Object.entries(outcomes).filter(([, outcome]) => outcome !== "ok")).toEqual([]);
  });
}
