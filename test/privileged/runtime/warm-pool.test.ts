/** Prepared containers: used when they fit, given up when they do not, and never left behind. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readText, withRuntime } from "./runtime-fixture.ts";

const fixture = withRuntime({ warmContainers: 2 });
const directories = () => {
  const parent = join(fixture.scratch, "x/containers");
  return existsSync(parent) ? readdirSync(parent) : [];
};

/** Until the pool has filled itself; each look is a turn of the event loop. */
async function untilReady(count: number): Promise<void> {
  const ready = () =>
    directories().filter((name) => existsSync(join(fixture.scratch, "x/containers", name, "shim.sock")));
  while (ready().length < count) await new Promise((resolve) => setImmediate(resolve));
}

/** Host pid of the process that waits in the cgroup made for an id. */
function preparedPid(id: string): number {
  const { cgroups } = fixture.machine;
  const tree =
    cgroups.version === 2 ? cgroups.mountPoint : (cgroups.unified ?? cgroups.controllers.get("pids") ?? "");
  return Number(readText(join(tree, "berth", id, "cgroup.procs")));
}

test("a reserved id has a prepared shim, and a plain container runs in it", async () => {
  await untilReady(2);
  let id = fixture.runtime.reserve();
  while (!directories().includes(id.slice(0, 32))) id = fixture.runtime.reserve();
  const waiting = preparedPid(id);
  const request = { config: { Cmd: ["echo", "warm"] }, hostConfig: { Memory: 32 << 20 } };
  const { process, output } = await fixture.start(request, id);
  expect(process.pid).toBe(waiting);
  expect(await output).toBe("warm\n");
  expect((await process.exited).code).toBe(0);
  await fixture.runtime.forget(id);
  expect(directories()).not.toContain(id.slice(0, 32));
});

test("a container that needs other namespaces does not get it, under the same id", async () => {
  await untilReady(1);
  let id = fixture.runtime.reserve();
  while (!directories().includes(id.slice(0, 32))) id = fixture.runtime.reserve();
  const { process, output } = await fixture.start(
    { config: { Cmd: ["ps"] }, hostConfig: { PidMode: "host" } },
    id,
  );
  expect((await output).split("\n").length).toBeGreaterThan(5);
  await process.exited;
  await fixture.runtime.forget(id);
});

test("a container that is removed before it ran takes its shim along", async () => {
  await untilReady(1);
  const id = fixture.runtime.reserve();
  await fixture.runtime.forget(id);
  expect(directories()).not.toContain(id.slice(0, 32));
});

test("many at once", async () => {
  const codes = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => (await fixture.run(`exit ${index}`)).exit.code),
  );
  expect(codes).toEqual(Array.from({ length: 12 }, (_, index) => index));
});
