/** Device rules as a BPF program, as on a machine without the v1 devices controller. */
import { expect, test } from "bun:test";
import { withRuntime } from "./runtime-fixture.ts";

/** cgroup v2 machines have no controller to take away; on hybrid ones the v2 tree takes over. */
const fixture = withRuntime({ withoutController: "devices" });

const SCRIPT = `
  mknod /tmp/disk b 254 0 && echo made
  cat /tmp/disk > /dev/null; echo "disk $?"
  mknod /tmp/null c 1 3 && echo x > /tmp/null; echo "null $?"
  mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg > /dev/null; echo "kmsg $?"
  mknod /tmp/port c 1 4 && dd if=/dev/zero of=/tmp/port bs=1 count=0 2> /dev/null; echo "port $?"`;

test("the defaults keep block devices and the machine's memory closed", async () => {
  const { output } = await fixture.run(SCRIPT);
  expect(output).toContain("/tmp/disk: Operation not permitted");
  const lines = output.split("\n").filter((line) => /^(made|\w+ \d)$/.test(line));
  expect(lines).toEqual(["made", "disk 1", "null 0", "kmsg 1", "port 1"]);
});

test("a device that was asked for opens, for what was asked only", async () => {
  const rule = { DeviceCgroupRules: ["c 1:11 r"] };
  const { output } = await fixture.run(
    `mknod /tmp/kmsg c 1 11; head -c 1 /tmp/kmsg | wc -c; echo x > /tmp/kmsg; echo $?`,
    {
      hostConfig: rule,
    },
  );
  expect(output).toContain("can't create /tmp/kmsg: Operation not permitted");
  expect(output.trim().split("\n").at(-1)).toBe("1");
  expect(output.trim().split("\n")[0]).toBe("1");
});

test("a privileged container opens any", async () => {
  const { output } = await fixture.run("mknod /tmp/disk b 254 0; cat /tmp/disk > /dev/null; echo $?", {
    hostConfig: { Privileged: true },
  });
  // Open for a privileged one: no such disk, or its contents, but not the filter's refusal.
  expect(output).not.toContain("Operation not permitted");
});
