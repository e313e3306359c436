/** Capabilities, set-user-id programs and users: what a process may do once it runs. */
import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { importEscapeImage, SETUID_PROBE } from "../support/escape-image.ts";
import { NONE, withDaemon } from "../support/fixture.ts";

const fixture = withDaemon();
const { daemon } = fixture;
let image: string;

beforeAll(async () => {
  image = await importEscapeImage(fixture);
}, 60_000);

const run = (...args: readonly string[]) => daemon.docker("run", "--rm", ...NONE, ...args);
const STATUS = ["grep", "-E", "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):", "/proc/self/status"];

/** The five sets in hexadecimal and two flags, by the kernel's names. */
function parseStatus(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => line !== "");
  return Object.fromEntries(lines.map((line) => line.split(/:\s+/, 2)));
}

const rights = async (...flags: readonly string[]) =>
  parseStatus((await run(...flags, image, ...STATUS)).stdout);

const NOTHING = "0000000000000000";
/** Docker's fourteen. */
const DEFAULTS = "00000000a80425fb";
/** What this daemon has and hence can give. */
const ALL = /^CapBnd:\s+(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";

describe("capability sets", () => {
  test("by default Docker's, none inheritable or ambient", async () => {
    const sets = { CapPrm: DEFAULTS, CapEff: DEFAULTS, CapBnd: DEFAULTS };
    const flags = { NoNewPrivs: "0", Seccomp: "2" };
    expect(await rights()).toEqual({ CapInh: NOTHING, CapAmb: NOTHING, ...sets, ...flags });
  });

  test("a user who is not root has none", async () => {
    const sets = { CapInh: NOTHING, CapPrm: NOTHING, CapEff: NOTHING, CapAmb: NOTHING };
    expect(await rights("--user", "1000")).toMatchObject({ ...sets, CapBnd: DEFAULTS });
  });

  test.each([[["--privileged"]], [["--cap-add", "ALL"]]])(
    "%p gives exactly what the daemon has",
    async (flags) => {
      expect(await rights(...flags)).toMatchObject({
        CapPrm: ALL,
        CapEff: ALL,
        CapBnd: ALL,
        CapInh: NOTHING,
        CapAmb: NOTHING,
      });
    },
  );

  test("--privileged has no filter, --cap-add ALL keeps it", async () => {
    expect((await rights("--privileged")).Seccomp).toBe("0");
    expect((await rights("--cap-add", "ALL")).Seccomp).toBe("2");
  });

  test("--cap-drop ALL leaves root powerless", async () => {
    const { CapEff, CapBnd, CapPrm } = await rights("--cap-drop", "ALL");
    expect([CapEff, CapBnd, CapPrm]).toEqual([NOTHING, NOTHING, NOTHING]);
    const script = `touch /tmp/f; chown 5 /tmp/f && echo chown; mknod /tmp/n c 1 3 && echo mknod
      chmod 0 /etc/passwd && cat /etc/passwd; kill -0 1 && echo kill; dd if=/home/alice of=/dev/null && echo dd
      ifconfig lo 127.0.0.2 && echo ifconfig; ${SETUID_PROBE} who`;
    const { stdout } = await run("--cap-drop", "ALL", image, "sh", "-c", `{ ${script}; } 2> /dev/null`);
    expect(stdout).toBe("kill\n0\n");
  });

  test("one that is added or dropped changes nothing else", async () => {
    const chown = 1n;
    const admin = 1n << 12n;
    const defaults = BigInt(`0x${DEFAULTS}`);
    const effective = async (...flags: readonly string[]) => BigInt(`0x${(await rights(...flags)).CapEff}`);
    expect(await effective("--cap-drop", "CHOWN", "--cap-add", "NET_ADMIN")).toBe(
      (defaults & ~chown) | admin,
    );
  });

  test("a process that joins gets the container's; --privileged gets all that can be given", async () => {
    const id = await daemon.mustDocker("run", "-d", ...NONE, "--cap-drop", "ALL", image, "sleep", "1000");
    const joined = async (...flags: readonly string[]) =>
      parseStatus((await daemon.docker("exec", ...flags, id, ...STATUS)).stdout);
    expect(await joined()).toMatchObject({ CapEff: NOTHING, CapBnd: NOTHING, Seccomp: "2" });
    expect(await joined("--privileged")).toMatchObject({ CapEff: ALL, CapBnd: ALL });
    expect(await joined("--user", "1000")).toMatchObject({
      CapEff: NOTHING,
      CapPrm: NOTHING,
      CapInh: NOTHING,
    });
    await daemon.docker("rm", "-f", id);
  });
});

describe("set-user-id programs", () => {
  const WHO = [SETUID_PROBE, "who"] as const;

  test("work in a container, but not with no-new-privileges", async () => {
    expect((await run("--user", "1000", image, ...WHO)).stdout).toBe("0\n");
    const flags = ["--user", "1000", "--security-opt", "no-new-privileges"];
    expect((await run(...flags, image, ...WHO)).stdout).toBe("1000\n");
    expect((await rights(...flags)).NoNewPrivs).toBe("1");
  });

  test("nor for a process that joins such a container, even a privileged one", async () => {
    const flags = ["--security-opt", "no-new-privileges"];
    const id = await daemon.mustDocker("run", "-d", ...NONE, ...flags, image, "sleep", "1000");
    for (const exec of [[], ["--privileged"]])
      expect((await daemon.docker("exec", "--user", "1000", ...exec, id, ...WHO)).stdout).toBe("1000\n");
    await daemon.docker("rm", "-f", id);
  });

  test("stand for nothing on a tmpfs of the user, which is nosuid", async () => {
    const script = `cp ${SETUID_PROBE} /t/probe; chmod 4755 /t/probe; grep ' /t ' /proc/self/mountinfo`;
    const { stdout } = await run("--tmpfs", "/t:exec", image, "sh", "-c", script);
    expect(stdout).toContain("nosuid");
  });
});

describe("groups", () => {
  test("a user has the groups that the image lists, and none of the daemon's", async () => {
    expect((await run("--user", "alice", image, "id")).stdout).toBe(
      "uid=1000(alice) gid=1000(alice) groups=50(staff),1000(alice)\n",
    );
    expect((await run("--user", "1234", image, "id")).stdout).toBe("uid=1234 gid=0(root) groups=0(root)\n");
  });
});
