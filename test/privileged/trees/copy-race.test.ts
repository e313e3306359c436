/**
 * A container that exchanges directories for links while files are copied: nothing outside of it is read or written
 * (CVE-2018-15664), and nothing of its own is executed or loaded by the engine (CVE-2019-14271).
 */
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../../support/fixture.ts";
import { machineState } from "../../support/machine.ts";

const { daemon, scratch } = withDaemon();
const ROUNDS = 40;

/** The same path exists outside, where the link leads when it is followed there. */
function outside(): string {
  const directory = mkdtempSync("/var/tmp/berth-race-");
  writeFileSync(join(directory, "secret"), "the host's\n");
  return directory;
}

async function swapping(name: string, target: string): Promise<void> {
  const script = [
    `mkdir -p ${target} /work; echo container > ${target}/secret`,
    "cd /work; mkdir way; echo container > way/secret",
    "echo ready; while :; do",
    `mv way kept; ln -s ${target} way; rm way; ln -s ../../../../../..${target} way; rm way; ln -s /proc/1/root${target} way; rm way; mv kept way`,
    "done",
  ].join("\n");
  await daemon.mustDocker("run", "-d", "--name", name, ...NONE, BUSYBOX, "sh", "-c", script);
  const deadline = Date.now() + 10_000;
  while (!(await daemon.mustDocker("logs", name)).includes("ready")) {
    if (Date.now() > deadline) throw new Error("the container did not begin");
  }
}

describe("a container that swaps directories for links", () => {
  test("is never read beyond its own files", async () => {
    const host = outside();
    try {
      await swapping("reading", host);
      const seen = new Set<string>();
      for (let round = 0; round < ROUNDS; round++) {
        const { code, stdout } = await daemon.docker("cp", "reading:/work/way/secret", "-");
        if (code === 0) seen.add(stdout.includes("the host's") ? "host" : "container");
      }
      // The race is one: some rounds met the directory.
      expect([...seen]).toEqual(["container"]);
    } finally {
      rmSync(host, { recursive: true });
      await daemon.docker("rm", "-f", "reading");
    }
  }, 120_000);

  test("is never written beyond its own files", async () => {
    const host = outside();
    const file = join(scratch, "secret");
    writeFileSync(file, "overwritten\n");
    mkdirSync(join(scratch, "tree/way"), { recursive: true });
    writeFileSync(join(scratch, "tree/way/secret"), "overwritten\n");
    try {
      await swapping("writing", host);
      let written = 0;
      for (let round = 0; round < ROUNDS; round++) {
        const { code } = await daemon.docker("cp", file, "writing:/work/way/secret");
        await daemon.docker("cp", join(scratch, "tree/."), "writing:/work");
        written += code === 0 ? 1 : 0;
        expect(readFileSync(join(host, "secret"), "utf8")).toBe("the host's\n");
        expect(readdirSync(host)).toEqual(["secret"]);
      }
      expect(written).toBeGreaterThan(0);
    } finally {
      rmSync(host, { recursive: true });
      await daemon.docker("rm", "-f", "writing");
    }
  }, 120_000);

  test("/proc is not shown, and its links are no way out", async () => {
    await daemon.mustDocker(
      "run",
      "-d",
      "--name",
      "proc",
      "--pid",
      "host",
      ...NONE,
      BUSYBOX,
      "sleep",
      "1000",
    );
    try {
      for (const path of [
        "/proc/1/root/etc/passwd",
        `/proc/${process.pid}/cwd`,
        "/proc/self/root",
        "/proc/1/exe",
      ]) {
        const { code, stdout } = await daemon.docker("cp", "-L", `proc:${path}`, "-");
        expect({ path, code, bytes: stdout.length }).toMatchObject({ path, code: 1, bytes: 0 });
      }
      const { code } = await daemon.docker(
        "cp",
        join(scratch, "secret"),
        "proc:/proc/1/root/tmp/berth-escaped",
      );
      expect(code).toBe(1);
      expect(existsSync("/tmp/berth-escaped")).toBe(false);
    } finally {
      await daemon.docker("rm", "-f", "proc");
    }
  });

  test("loads nothing of the container's: an image whose libraries are not libraries is copied from", async () => {
    const script =
      "mkdir -p /lib/x86_64-linux-gnu /etc; for l in libnss_files.so.2 libc.so.6; do echo hostile > /lib/x86_64-linux-gnu/$l; done; " +
      "echo 'passwd: files hostile' > /etc/nsswitch.conf; echo /lib/hostile.so > /etc/ld.so.preload; sleep 1000";
    await daemon.mustDocker("run", "-d", "--name", "libraries", ...NONE, BUSYBOX, "sh", "-c", script);
    try {
      expect(await daemon.mustDocker("cp", "libraries:/bin/busybox", join(scratch, "busybox-out"))).toBe("");
      expect(existsSync(join(scratch, "busybox-out"))).toBe(true);
    } finally {
      await daemon.docker("rm", "-f", "libraries");
    }
  });
});

test("nothing is mounted on the host by copying, running or not", async () => {
  await daemon.mustDocker("create", "--name", "still", "-v", `${scratch}:/volume`, ...NONE, BUSYBOX, "true");
  const before = machineState().mounts;
  await daemon.mustDocker("cp", "still:/bin/busybox", join(scratch, "again"));
  await daemon.mustDocker("cp", join(scratch, "again"), "still:/volume/through");
  expect(existsSync(join(scratch, "through"))).toBe(true);
  await daemon.mustDocker("export", "-o", join(scratch, "still.tar"), "still");
  expect(machineState().mounts).toEqual(before);
  await daemon.mustDocker("rm", "still");
});
