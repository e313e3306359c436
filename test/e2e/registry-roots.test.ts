/** Whole roots through a registry: a Debian with its thousands of small files, and very large files. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { NONE, withDaemon } from "../support/fixture.ts";
import { debianTar } from "../support/images.ts";
import { TestRegistry } from "../support/registry.ts";
import { mustRun } from "../support/run-command.ts";

const { daemon, scratch } = withDaemon();
const LARGE_FILE_MIB = 200;
/**
 * Every file of the root with its mode, owner, size, time to the nanosecond and, for links, target. A directory's size is the file
 * system's affair; /, /etc and what is bound there are touched by the start.
 */
const LISTING =
  'find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path "/etc/host*" -o -path /etc/resolv.conf \\) -prune ' +
  '-o -path / -o -path /etc -o -type d -printf "%p %M %U:%G %T@\\n" -o -printf "%p %M %U:%G %s %T@ %l\\n" | sort';

let registry: TestRegistry;
beforeAll(async () => {
  registry = await TestRegistry.start();
}, 60_000);
afterAll(() => registry[Symbol.asyncDispose]());

const run = (image: string, command: string) =>
  daemon.mustDocker("run", "--rm", ...NONE, image, "bash", "-c", command);
const digestOf = (reference: string) =>
  daemon.mustDocker("image", "inspect", "-f", "{{index .RepoDigests 0}}", reference);

test("a Debian root comes back as it went, with the same digest a second time", async () => {
  const reference = `${registry.host}/debian:bookworm`;
  await daemon.mustDocker("import", await debianTar(), reference);
  const before = await run(reference, LISTING);
  await daemon.mustDocker("push", "-q", reference);
  await daemon.mustDocker("rmi", reference);
  await daemon.mustDocker("pull", "-q", reference);
  expect(await run(reference, LISTING)).toBe(before);
  expect(await run(reference, "dpkg --verify; echo $?")).toBe("0");

  const again = `${registry.host}/again:1`;
  await daemon.mustDocker("tag", reference, again);
  await daemon.mustDocker("push", "-q", again);
  const [, digest] = (await digestOf(reference)).trim().split("@");
  expect((await registry.manifest("again", "1")).digest).toBe(digest ?? "");
}, 120_000);

test("very large files come back as they went", async () => {
  const root = join(scratch, "large");
  mkdirSync(join(root, "bin"), { recursive: true });
  await mustRun(["cp", "/bin/busybox", join(root, "bin/busybox")]);
  for (const name of ["one", "two"])
    await mustRun([
      "dd",
      "if=/dev/urandom",
      `of=${join(root, name)}`,
      "bs=1M",
      `count=${LARGE_FILE_MIB}`,
      "status=none",
    ]);
  const sums = await mustRun(["sh", "-c", `cd ${root} && sha256sum one two`]);
  const tar = join(scratch, "large.tar");
  await mustRun(["tar", "-C", root, "-cf", tar, "."]);
  const reference = `${registry.host}/large:1`;
  await daemon.mustDocker("import", tar, reference);
  rmSync(tar);
  rmSync(root, { recursive: true });
  await daemon.mustDocker("push", "-q", reference);
  await daemon.mustDocker("rmi", reference);
  await daemon.mustDocker("pull", "-q", reference);
  const got = await daemon.mustDocker(
    ...["run", "--rm", ...NONE, reference, "/bin/busybox", "sha256sum", "/one", "/two"],
  );
  expect(got.replaceAll(" /", " ").trim()).toBe(sums.trim());
}, 120_000);
