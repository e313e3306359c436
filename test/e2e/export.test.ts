/** `docker export` and `docker diff`. */
import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const { daemon, scratch } = withDaemon();

async function exported(name: string): Promise<string[]> {
  const file = join(mkdtempSync(join(scratch, "export-")), "x.tar");
  await daemon.mustDocker("export", "-o", file, name);
  const child = Bun.spawn(["tar", "-t", "-f", file], { stdout: "pipe" });
  return (await child.stdout.text()).split("\n").filter((line) => line !== "");
}

test("an export has the container's files, running or not, and nothing of its volumes", async () => {
  const volume = mkdtempSync(join(scratch, "volume-"));
  writeFileSync(join(volume, "secret"), "");
  const script = "echo mine > /mine; rm /bin/seq; echo ready; sleep 1000";
  const flags = ["-v", `${volume}:/volume`, "--tmpfs", "/scratch"];
  await daemon.mustDocker("run", "-d", "--name", "exported", ...flags, ...NONE, BUSYBOX, "sh", "-c", script);
  while (!(await daemon.mustDocker("logs", "exported")).includes("ready"));
  const running = await exported("exported");
  expect(running).toContain("mine");
  expect(running).toContain("bin/busybox");
  expect(running).toContain("volume/");
  expect(running).toContain("proc/");
  expect(running).not.toContain("bin/seq");
  expect(
    running
      .filter((name) => /^(volume|scratch|proc|sys|dev)\/./.test(name))
      .filter((name) => !name.endsWith("/")),
  ).toEqual([]);
  await daemon.mustDocker("stop", "-t", "0", "exported");
  expect(await exported("exported")).toEqual(running);
});

test("an export can be imported again", async () => {
  await daemon.mustDocker("create", "--name", "source", ...NONE, BUSYBOX, "true");
  const file = join(scratch, "again.tar");
  await daemon.mustDocker("export", "-o", file, "source");
  await daemon.mustDocker("import", file, "again:1");
  expect(await daemon.mustDocker("run", "--rm", ...NONE, "again:1", "cat", "/etc/passwd")).toContain("alice");
});

test("diff tells of what a container has changed, and of nothing that it has not", async () => {
  await daemon.mustDocker("run", "--name", "unchanged", ...NONE, BUSYBOX, "true");
  expect(await daemon.mustDocker("diff", "unchanged")).toBe("");
  const script =
    "mkdir -p /a/b; echo x > /a/b/c; rm -r /home; echo more >> /etc/passwd; chmod 700 /root; mkdir /tmp/t; rmdir /tmp/t";
  await daemon.mustDocker("run", "--name", "changed", ...NONE, BUSYBOX, "sh", "-c", script);
  const expected = ["A /a", "A /a/b", "A /a/b/c", "C /etc", "C /etc/passwd", "D /home", "C /root"];
  expect((await daemon.mustDocker("diff", "changed")).split("\n").sort()).toEqual(expected.sort());
  const { status } = await daemon.api("GET", "/v1.50/containers/nobody/changes");
  expect(status).toBe(404);
});
