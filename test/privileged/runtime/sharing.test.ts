/** What containers share on purpose: another's namespaces, a mount with the host. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "../../support/run-command.ts";
import { withRuntime } from "./runtime-fixture.ts";

const fixture = withRuntime();

test("network and pid namespaces of another container", async () => {
  const owner = await fixture.start({ config: { Cmd: ["sleep", "1000"] } });
  const joined = await fixture.start({
    config: { Cmd: ["sh", "-c", "readlink /proc/self/ns/net; ps | grep -c 'sleep 1000'"] },
    hostConfig: { NetworkMode: `container:${owner.id}`, PidMode: `container:${owner.id}` },
    sharedWith: { network: owner.process.pid, pid: owner.process.pid },
  });
  const [network, sleepers] = (await joined.output).trim().split("\n");
  expect(network).toBe(readlinkSync(`/proc/${owner.process.pid}/ns/net`));
  expect(Number(sleepers)).toBeGreaterThanOrEqual(1);
  expect((await joined.process.exited).code).toBe(0);
  await fixture.runtime.forget(joined.id);
  await owner.process.signal(9);
  await owner.process.exited;
  await fixture.runtime.forget(owner.id);
});

test("a mount inside a shared volume reaches the host, one in a private volume does not", async () => {
  const volume = join(fixture.scratch, "volume");
  mkdirSync(volume);
  await mustRun(["mount", "-t", "tmpfs", "none", volume]);
  try {
    await mustRun(["mount", "--make-shared", volume]);
    for (const name of ["shared", "private"]) mkdirSync(join(volume, name));
    const inside = (name: string, propagation: "rshared" | "rprivate") =>
      fixture.run(`mount -t tmpfs none /v/${name} && touch /v/${name}/seen && ls /v/${name}`, {
        hostConfig: { Privileged: true },
        mounts: [
          {
            type: "bind",
            source: volume,
            target: "/v",
            readOnly: false,
            readOnlyRecursive: false,
            recursive: true,
            propagation,
          },
        ],
      });
    expect((await inside("shared", "rshared")).output).toBe("seen\n");
    expect((await inside("private", "rprivate")).output).toBe("seen\n");
    expect(readdirSync(join(volume, "shared"))).toEqual(["seen"]);
    expect(readdirSync(join(volume, "private"))).toEqual([]);
  } finally {
    await mustRun(["umount", "-R", volume]);
  }
});
