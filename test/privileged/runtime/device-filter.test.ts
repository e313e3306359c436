/** Device rules as a BPF program, as on a machine without the v1 devices controller. */
import { expect, test } from "bun:test";
import { withRuntime } from "./runtime-fixture.ts";

/** cgroup v2 machines have no controller to take away; on hybrid ones the v2 tree takes over. */
const fixture = withRuntime({ withoutController: "devices" });

/** Opens nodes of a loop device, of the machine's memory, of FUSE and of null; prints a line for each that opens. */
const OPEN_ALL = `
  cd /tmp; mknod disk b 7 0; mknod memory c 1 1; mknod fuse c 10 229; mknod null c 1 3
  for node in disk memory fuse null; do
    dd if=$node of=/dev/null bs=1 count=0 2> /dev/null && echo $node r
    dd if=/dev/zero of=$node bs=1 count=0 conv=notrunc 2> /dev/null && echo $node w
  done`;

const opened = async (hostConfig: object) =>
  (await fixture.run(OPEN_ALL, { hostConfig })).output.trim().split("\n").sort();

test("the defaults keep block devices and the machine's memory closed", async () => {
  expect(await opened({})).toEqual(["null r", "null w"]);
});

test("a device that was asked for opens, for what was asked only", async () => {
  expect(await opened({ DeviceCgroupRules: ["c 10:229 r", "b 7:* rw"] })).toEqual([
    "disk r",
    "disk w",
    "fuse r",
    "null r",
    "null w",
  ]);
});

test("a privileged container opens any", async () => {
  expect(await opened({ Privileged: true })).toEqual(
    expect.arrayContaining(["disk r", "disk w", "fuse r", "fuse w"]),
  );
});
