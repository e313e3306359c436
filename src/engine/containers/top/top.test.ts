import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../../base/errors.ts";
import {
  containerRecord,
  FixedContainer,
  FixedDirectory,
  processWith,
  STOPPED,
} from "../testing/fixed-directory.ts";
import { createTop } from "./top.ts";
import { processTable, terminalName } from "./top-proc.ts";
import { parsePs, type RunPs } from "./top-ps.ts";

let root: string;
const NOW = new Date(2026, 10, 21, 12, 0, 0);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "berth-top-"));
  const boot = Math.floor(NOW.getTime() / 1000) - 100 * 86_400;
  writeFileSync(join(root, "stat"), `cpu 1 2 3\nbtime ${boot}\n`);
  writeFileSync(
    join(root, "passwd"),
    "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/sh\nlater:x:33:1::/:/\n",
  );
});
afterAll(() => rmSync(root, { recursive: true }));

interface Shown {
  readonly name?: string;
  readonly state?: string;
  readonly cmdline?: string;
  readonly uid?: number;
  readonly tty?: number;
  readonly cpuSeconds?: number;
  readonly ageSeconds?: number;
}

function addProcess(
  pid: number,
  { name = "x", state = "S", cmdline = "x\0", uid = 0, tty = 0, cpuSeconds = 0, ageSeconds = 60 }: Shown,
) {
  mkdirSync(join(root, String(pid)));
  const start = (100 * 86_400 - ageSeconds) * 100;
  const fields = [
    state,
    1,
    pid,
    pid,
    tty,
    -1,
    0,
    0,
    0,
    0,
    0,
    cpuSeconds * 60,
    cpuSeconds * 40,
    0,
    0,
    20,
    0,
    1,
    0,
    start,
    0,
  ];
  writeFileSync(join(root, String(pid), "stat"), `${pid} (${name}) ${fields.join(" ")}\n`);
  writeFileSync(join(root, String(pid), "status"), `Name:\t${name}\nUid:\t7\t${uid}\t7\t7\n`);
  writeFileSync(join(root, String(pid), "cmdline"), cmdline);
}

describe("top from /proc", () => {
  const table = async (...pids: number[]) =>
    (await processTable(pids, { proc: root, passwd: join(root, "passwd"), now: () => NOW })).Processes;

  test("is the table of ps -ef", async () => {
    addProcess(20, {
      name: "a) (b",
      cmdline: "nginx: worker\0-g\0",
      uid: 33,
      tty: (136 << 8) | 3,
      cpuSeconds: 30,
      ageSeconds: 60,
    });
    addProcess(3, { cmdline: "sh\0", uid: 1234, cpuSeconds: 90_061, ageSeconds: 99 * 86_400 });
    expect(await table(20, 3, 999)).toEqual([
      ["1234", "3", "1", "1", "Aug14", "?", "1-01:01:01", "sh"],
      ["web", "20", "1", "50", "11:59", "pts/3", "00:00:30", "nginx: worker -g"],
    ]);
  });

  test("kernel threads, zombies and hostile command lines", async () => {
    addProcess(30, { name: "kworker", cmdline: "" });
    addProcess(31, { name: "gone", cmdline: "", state: "Z" });
    addProcess(32, { cmdline: "a\x1b[2J\nroot 1 0\0" });
    expect((await table(30, 31, 32)).map((row) => row.at(-1))).toEqual([
      "[kworker]",
      "[gone] <defunct>",
      "a?[2J?root 1 0",
    ]);
  });

  test.each([
    [0, "?"],
    [(136 << 8) | 0, "pts/0"],
    [(137 << 8) | 1, "pts/257"],
    [(4 << 8) | 1, "tty1"],
    [(4 << 8) | 64, "ttyS0"],
    [(5 << 8) | 1, "console"],
  ])("device %d is %s", (device, name) => {
    expect(terminalName(device)).toBe(name);
  });
});

describe("the output of ps", () => {
  test("is reduced to the container's rows; the last column takes the rest", () => {
    const output =
      "  PID USER  COMMAND\n    1 root  init\n   12 web   nginx -g  daemon off;\n  121 web   x\n\n";
    expect(parsePs(output, [12])).toEqual({
      Titles: ["PID", "USER", "COMMAND"],
      Processes: [["12", "web", "nginx -g daemon off;"]],
    });
  });

  test("threads follow their process", () => {
    const output = "UID PID TIME CMD\n0 5 1 a\n0 - 1 -\n0 6 1 b\n0 - 2 -\n";
    expect(parsePs(output, [6]).Processes).toEqual([
      ["0", "6", "1", "b"],
      ["0", "-", "2", "-"],
    ]);
  });

  test("without pids is refused", () => {
    expect(() => parsePs("USER CMD\nroot sh\n", [1])).toThrow("Couldn't find PID field in ps output");
    expect(() => parsePs("PID CMD\nx sh\n", [1])).toThrow("Unexpected pid 'x'");
  });
});

describe("top", () => {
  const events: string[] = [];
  const asked: string[][] = [];
  function top(psArgs: string, runPs: RunPs, container = running()) {
    const publish = (_: string, action: string) => void events.push(action);
    const host = { proc: root, passwd: join(root, "passwd"), now: () => NOW };
    return createTop({ directory: new FixedDirectory(container), events: { publish }, host, runPs })(
      "name1",
      psArgs,
    );
  }
  const running = () =>
    new FixedContainer(
      containerRecord(1, { state: { ...STOPPED, status: "running" } }),
      processWith({ processes: async () => [40, 41] }),
    );
  const noPs: RunPs = () => Promise.reject(new EngineError("internal", "ps was asked"));
  const ps: RunPs = async (args) => {
    asked.push([...args]);
    if (args.includes("f") && args.some((arg) => arg.startsWith("-q")))
      throw new Error("conflicting options");
    return "PID CMD\n40 sh\n99 other\n";
  };

  test("the default needs no ps", async () => {
    addProcess(40, { cmdline: "sleep\x0010\0" });
    for (const args of ["", "-ef"]) {
      expect((await top(args, noPs)).Processes.map((row) => row.at(-1))).toEqual(["sleep 10"]);
    }
    expect(events).toEqual(["top", "top"]);
  });

  test("other options are the host's ps's", async () => {
    expect(await top("-o pid,cmd", ps)).toEqual({ Titles: ["PID", "CMD"], Processes: [["40", "sh"]] });
    await top("ax f", ps);
    expect(asked).toEqual([
      ["-o", "pid,cmd", "-q40,41"],
      ["ax", "f", "-q40,41"],
      ["ax", "f"],
    ]);
    await expect(top("aux", noPs)).rejects.toThrow("ps was asked");
  });

  test("a column that only calls itself PID is refused", async () => {
    await expect(top("-o comm=PID", ps)).rejects.toMatchObject({
      kind: "invalid",
      message: 'specifying "comm=PID" is not allowed',
    });
    await expect(top("-o pid=PID,cmd", ps)).resolves.toBeDefined();
  });

  test.each([
    ["exited", "is not running"],
    ["created", "is not running"],
    ["restarting", "is restarting, wait until the container is running"],
  ] as const)("a container that is %s %s", async (status, words) => {
    const container = new FixedContainer(containerRecord(1, { state: { ...STOPPED, status } }));
    await expect(top("", noPs, container)).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringContaining(words),
    });
  });
});
