import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodePlan, operationName, type PlanArgument, type PlanOperation } from "../../kernel/plan.ts";
import { Op } from "../../kernel/protocol.ts";
import { CgroupsV1 } from "../cgroups/v1.ts";
import { CgroupsV2 } from "../cgroups/v2.ts";
import type { ExecSpec, LaunchSpec, MachineFacts, SpecInput } from "../container-runtime.ts";
import { buildRuntimeConfig } from "../spec/build-runtime-config.ts";
import { specInput, TEST_ID, V1_MACHINE, V2_MACHINE } from "../spec/spec-fixture.ts";
import { execPlan } from "./exec-plan.ts";
import { launchPlan, preparationKey, preparePlan } from "./launch-plan.ts";
import { overlayOperations } from "./overlay.ts";

const OCTAL = new Set(["MKDIR", "DEVICE", "UMASK"]);
const HEXADECIMAL = new Set([
  "NAMESPACES",
  "JOIN_NAMESPACE",
  "PROPAGATION",
  "CREDENTIALS",
  "BIND_IN",
  "MOUNT_IN",
]);

function spell(name: string, argument: PlanArgument, index: number): string {
  if (argument instanceof Uint8Array) return `<${argument.length} bytes>`;
  if (typeof argument === "string") return /^[^\s"]+$/.test(argument) ? argument : JSON.stringify(argument);
  if (HEXADECIMAL.has(name)) return `0x${argument.toString(16)}`;
  if (OCTAL.has(name) && (name !== "DEVICE" || index === 1)) return `0${argument.toString(8)}`;
  return String(argument);
}

const text = (operations: readonly PlanOperation[]): string =>
  operations
    .map(({ op, args }) => {
      const name = operationName(op);
      return [name, ...args.map((argument, index) => spell(name, argument, index))].join(" ");
    })
    .map((line) => `${line.replaceAll(TEST_ID, "<id>")}\n`)
    .join("");

/** Compares with testdata/<name>/<file>; UPDATE_GOLDEN=1 writes it instead. */
function expectGolden(name: string, file: string, actual: string): void {
  const directory = join(import.meta.dir, "testdata", name);
  if (process.env.UPDATE_GOLDEN === "1") {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, file), actual);
  }
  expect(actual).toBe(readFileSync(join(directory, file), "utf8"));
}

const RUN = "/run/berth/containers/0123";
const ROOT = {
  lowerDirs: ["/d/layers/2/fs", "/d/layers/1/fs"],
  upperDir: "/d/layers/3/fs",
  workDir: "/d/layers/3/work",
};

function cgroupsOf(machine: MachineFacts) {
  return machine.cgroups.version === 1 ? new CgroupsV1(machine.cgroups) : new CgroupsV2(machine.cgroups);
}

function plansOf(input: SpecInput, machine: MachineFacts, over: Partial<LaunchSpec> = {}) {
  const cgroups = cgroupsOf(machine);
  const config = buildRuntimeConfig(input, machine);
  const spec: LaunchSpec = {
    ...{ id: input.id, config, root: ROOT, user: { spec: "", additionalGroups: [] } },
    ...{ stdio: { tty: false, openStdin: false, rows: 0, columns: 0 }, log: undefined, init: false },
    ...over,
  };
  return {
    config,
    prepare: preparePlan(config.linux, cgroups, RUN),
    launch: launchPlan(spec, cgroups, { directory: RUN, mountPoint: "/run" }),
  };
}

const bind = (target: string, propagation: "shared" | "rprivate") =>
  ({
    type: "bind",
    source: "/s",
    target,
    readOnly: true,
    readOnlyRecursive: false,
    recursive: true,
    propagation,
  }) as const;

const CASES: Readonly<Record<string, ReturnType<typeof plansOf>>> = {
  "plain-v1": plansOf(specInput(), V1_MACHINE),
  "plain-v2": plansOf(specInput(), V2_MACHINE),
  "limits-and-terminal": plansOf(
    specInput({
      config: {
        Hostname: "box",
        Domainname: "lan",
        Cmd: ["sh"],
        Tty: true,
        WorkingDir: "/w",
        Env: ["A=b c"],
      },
      hostConfig: {
        ...{ Memory: 1 << 20, PidsLimit: 5, CpusetCpus: "1", ReadonlyRootfs: true, OomScoreAdj: 100 },
        ...{ Ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }], SecurityOpt: ["no-new-privileges"] },
      },
      mounts: [bind("/data", "rprivate"), { type: "tmpfs", target: "/tmp", options: ["size=1m"] }],
    }),
    V1_MACHINE,
    {
      ...{ stdio: { tty: true, openStdin: true, rows: 24, columns: 80 }, init: true },
      ...{
        log: { path: "/d/log", maxBytes: 1000, maxFiles: 3 },
        user: { spec: "alice", additionalGroups: ["50"] },
      },
    },
  ),
  "privileged-host": plansOf(
    specInput({
      hostConfig: {
        Privileged: true,
        NetworkMode: "host",
        PidMode: "host",
        IpcMode: "host",
        UTSMode: "host",
      },
      mounts: [bind("/shared", "shared"), bind("/dev", "rprivate")],
    }),
    V1_MACHINE,
  ),
  "shares-namespaces": plansOf(
    specInput({
      hostConfig: { NetworkMode: "container:a", PidMode: "container:b", CgroupnsMode: "private" },
      sharedWith: { network: 11, pid: 12 },
    }),
    V1_MACHINE,
  ),
};

describe("plans", () => {
  for (const [name, { prepare, launch }] of Object.entries(CASES)) {
    test(name, () => {
      expectGolden(name, "prepare.txt", text(prepare));
      expectGolden(name, "launch.txt", text(launch));
      expect(encodePlan(launch).length).toBeGreaterThan(1000);
    });
  }

  test("exec", () => {
    const spec: ExecSpec = {
      ...{ args: ["ls", "-l"], env: ["A=1"], cwd: "", user: { spec: "1000", additionalGroups: [] } },
      ...{ tty: true, rows: 5, columns: 6, openStdin: true, detached: false, privileged: false },
    };
    const { config } = plansOf(specInput(), V1_MACHINE);
    const bounds = V1_MACHINE.capabilityBounds;
    expectGolden("exec", "terminal.txt", text(execPlan(config, spec, bounds)));
    const privileged = { ...spec, tty: false, detached: true, privileged: true, cwd: "/x" };
    expectGolden("exec", "privileged.txt", text(execPlan(config, privileged, bounds)));
  });

  test("limits do not change what is prepared, so that a container made in advance can take them", () => {
    const limited = plansOf(
      specInput({ hostConfig: { Memory: 1 << 20, PidsLimit: 5, CpuShares: 3 } }),
      V1_MACHINE,
    );
    const { prepare } = plansOf(specInput(), V1_MACHINE);
    expect(text(limited.prepare)).toBe(text(prepare));
  });
});

describe("overlayOperations", () => {
  const options = (lowerDirs: string[], upper = "/d/u/fs") => {
    const operations = overlayOperations({ lowerDirs, upperDir: upper, workDir: "/d/u/work" }, "/run/x");
    return [operations[0]?.args[0], operations[1]?.args[4]];
  };

  test("names are relative to what the layers have in common, and cannot end an option", () => {
    expect(options(["/d/b/fs", "/d/a/fs"])).toEqual([
      "/d",
      "lowerdir=b/fs:a/fs,upperdir=u/fs,workdir=u/work,index=off",
    ]);
    expect(options(["/d/u/low"])).toEqual(["/d/u", "lowerdir=low,upperdir=fs,workdir=work,index=off"]);
    expect(options(["/dd/a"])[0]).toBe("/");
    expect(options(["/d/a:b,c\\d/fs"])[1]).toStartWith("lowerdir=a\\:b\\,c\\\\d/fs,upperdir=");
  });

  test("without layers the directory itself becomes the root, cut off from its peers", () => {
    const operations = overlayOperations({ lowerDirs: [], upperDir: "/d/u/fs", workDir: "/d/u/work" }, "/r");
    expect(operations).toEqual([
      { op: Op.MOUNT, args: ["none", "/d/u/fs", "/r", 0x1000, ""] },
      { op: Op.PROPAGATION, args: ["/r", 1 << 18] },
    ]);
  });

  test("as many layers as one page of options holds", () => {
    const layers = (count: number) =>
      Array.from({ length: count }, (_, index) => `/var/lib/berth/overlay/${index}/fs`);
    const mount = (count: number) =>
      overlayOperations(
        {
          lowerDirs: layers(count),
          upperDir: "/var/lib/berth/overlay/u/fs",
          workDir: "/var/lib/berth/overlay/u/w",
        },
        "/r",
      );
    expect(String(mount(128)[1]?.args[4]).length).toBeLessThan(1200);
    expect(mount(450)).toHaveLength(2);
    expect(() => mount(501)).toThrow("501 layers");
    const long = layers(30).map((path) => path.replace("overlay", `overlay/${"x".repeat(150)}`));
    expect(() => overlayOperations({ lowerDirs: long, upperDir: "/u", workDir: "/w" }, "/r")).toThrow(
      "30 layers",
    );
  });
});

test("two configurations have the same PREPARE plan exactly when they have the same key", () => {
  const inputs: Partial<SpecInput>[] = [
    {},
    { hostConfig: { Memory: 64 << 20, PidsLimit: 5, Privileged: true } },
    { hostConfig: { CpusetCpus: "0" } },
    { hostConfig: { CpusetMems: "0" } },
    { hostConfig: { CgroupParent: "/other" } },
    { hostConfig: { NetworkMode: "host" } },
    { hostConfig: { UsernsMode: "host" } },
    { hostConfig: { PidMode: "host", IpcMode: "host", UTSMode: "host", CgroupnsMode: "host" } },
  ];
  for (const machine of [V1_MACHINE, V2_MACHINE]) {
    const all = inputs.map((input) => buildRuntimeConfig(specInput(input), machine).linux);
    const planOf = (linux: (typeof all)[number]) => text(preparePlan(linux, cgroupsOf(machine), RUN));
    for (const one of all)
      for (const other of all) {
        // On v2 a cpuset needs nothing beforehand: another key for the same plan only costs a cold start.
        const sameKey = preparationKey(one) === preparationKey(other);
        if (sameKey || machine.cgroups.version === 1) expect(planOf(one) === planOf(other)).toBe(sameKey);
      }
  }
});
