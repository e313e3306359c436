/** What running containers costs: against the kernel's floor, and against Docker. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH, type TestDaemon } from "../test/support/daemon.ts";
import { busyboxTar, makeBusyboxRoot } from "../test/support/images.ts";
import { mustRun } from "../test/support/run-command.ts";
import { print, reportLine, timeInTurn } from "./measure.ts";
import { IMAGE, type Peer, runQuietly } from "./peers.ts";
import { residentMegabytes } from "./resident-memory.ts";

const ROUNDS = Number(process.env.BERTH_BENCH_ROUNDS ?? "20");
/** A daemon is a long-running program: its code is compiled by then. */
const WARM_UP_RUNS = 150;
const WARM_UP_EXECS = 150;
const GROWTH_RUNS = Number(process.env.BERTH_BENCH_GROWTH ?? "1000");

export async function benchContainers(daemon: TestDaemon, docker: Peer | undefined): Promise<void> {
  const scratch = mkdtempSync("/tmp/berth-bench-");
  try {
    const idleBefore = residentMegabytes(daemon.pid);
    const tar = await busyboxTar(scratch, addStandardPlaces);
    await daemon.mustDocker("import", tar, IMAGE);
    await docker?.run("import", tar, IMAGE);
    await repeat(daemon, WARM_UP_RUNS);
    await againstFloor(daemon, scratch);
    if (docker !== undefined) await againstDocker(daemon, docker);
    await memory(daemon, idleBefore);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** What images of distributions have, and what engines otherwise make in the container's layer: Docker once, berth at the start. */
function addStandardPlaces(root: string): void {
  for (const directory of ["proc", "dev", "sys"]) mkdirSync(join(root, directory));
  for (const file of ["hostname", "hosts", "resolv.conf"]) writeFileSync(join(root, "etc", file), "");
}

async function againstFloor(daemon: TestDaemon, scratch: string): Promise<void> {
  const lower = makeBusyboxRoot(scratch);
  for (const directory of ["proc", "dev", "sys"]) mkdirSync(join(lower, directory));
  const work = join(scratch, "floor");
  mkdirSync(work);
  const floors: number[] = [];
  const { api, cli } = await timeInTurn(ROUNDS, {
    floor: async () => {
      // One run after a rest, as the others: a row of runs would find all caches warm, and takes 2.5 ms where one takes 3.2.
      const microseconds = await mustRun([join(BERTH, "../native/floor"), lower, work, "1"]);
      floors.push(Number(microseconds) / 1000);
    },
    api: () => runThroughApi(daemon),
    cli: () => runQuietly([BERTH, "run", "--rm", "--network", "none", IMAGE, "true"], daemon.host),
  });
  const floor = floors.sort((a, b) => a - b)[Math.floor(floors.length / 2)] ?? 0;
  print(reportLine("API create+start+wait+remove", api.median, floor, "floor ", "<= 3"));
  print(reportLine("berth run --rm --network none", cli.median, floor, "floor ", "-"));
}

async function runThroughApi(daemon: TestDaemon): Promise<void> {
  const body = JSON.stringify({ Image: IMAGE, Cmd: ["true"], HostConfig: { NetworkMode: "none" } });
  const headers = { "content-type": "application/json" };
  const created = await daemon.api("POST", "/v1.50/containers/create", { body, headers });
  const { Id: id } = (await created.json()) as { Id: string };
  await expectStatus(await daemon.api("POST", `/v1.50/containers/${id}/start`), 204);
  await expectStatus(await daemon.api("POST", `/v1.50/containers/${id}/wait`), 200);
  await expectStatus(await daemon.api("DELETE", `/v1.50/containers/${id}`), 204);
}

async function expectStatus(response: Response, status: number): Promise<void> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${response.url} answered ${response.status}: ${text}`);
}

async function againstDocker(daemon: TestDaemon, docker: Peer): Promise<void> {
  const berth = (...args: string[]) => mustRun([BERTH, ...args], { env: { DOCKER_HOST: daemon.host } });
  const timed = (...args: string[]) => runQuietly([BERTH, ...args], daemon.host);
  const runFlags = ["run", "--rm", "--network", "none", IMAGE, "true"];
  await berth("run", "-d", "--name", "long", "--network", "none", IMAGE, "sleep", "100000");
  await docker.run("run", "-d", "--name", "long", "--network", "none", IMAGE, "sleep", "100000");
  for (let exec = 0; exec < WARM_UP_EXECS; exec++) await berth("exec", "long", "true");
  const times = await timeInTurn(ROUNDS, {
    run: () => timed(...runFlags),
    dockerRun: () => docker.time(...runFlags),
    exec: () => timed("exec", "long", "true"),
    dockerExec: () => docker.time("exec", "long", "true"),
    ps: () => timed("ps"),
    dockerPs: () => docker.time("ps"),
  });
  const many = await timeInTurn(7, {
    berth: () => twentyAtOnce(timed),
    docker: () => twentyAtOnce((...args) => docker.time(...args)),
  });
  print(reportLine("run --rm --network none", times.run.median, times.dockerRun.median, "docker", "<= 0.10"));
  print(reportLine("exec", times.exec.median, times.dockerExec.median, "docker", "<= 0.20"));
  print(reportLine("ps", times.ps.median, times.dockerPs.median, "docker", "<= 1.00"));
  print(reportLine("20 detached runs at once", many.berth.median, many.docker.median, "docker", "<= 0.17"));
  await docker.run("rm", "-f", "long");
  await berth("rm", "-f", "long");
}

async function twentyAtOnce(cli: (...args: string[]) => Promise<unknown>): Promise<void> {
  const runs = Array.from({ length: 20 }, () => cli("run", "-d", "--rm", "--network", "none", IMAGE, "true"));
  await Promise.all(runs);
}

async function memory(daemon: TestDaemon, idleMegabytes: number): Promise<void> {
  await daemon.mustDocker("run", "-d", "--name", "one", "--network", "none", IMAGE, "sleep", "100000");
  print(
    `daemon's memory, idle after its start              ${idleMegabytes.toFixed(1)} MB RSS  target <= 70`,
  );
  print(`private memory of one container's shim             ${shimKilobytes(daemon)} kB PSS  target < 1024`);
  await daemon.mustDocker("rm", "-f", "one");
  // Until the heap has found the size at which it stays.
  await repeat(daemon, GROWTH_RUNS);
  const before = residentMegabytes(daemon.pid);
  await repeat(daemon, GROWTH_RUNS);
  const after = residentMegabytes(daemon.pid);
  print(
    `daemon's memory, before and after ${GROWTH_RUNS} more runs    ${before.toFixed(1)} → ${after.toFixed(1)} MB RSS`,
  );
}

async function repeat(daemon: TestDaemon, runs: number): Promise<void> {
  for (let run = 0; run < runs; run++) await runThroughApi(daemon);
}

/** PSS of the shims whose socket is below the daemon's root. */
function shimKilobytes(daemon: TestDaemon): number {
  const pids = readFileSync("/proc/net/unix", "utf8").includes(daemon.root)
    ? [...new Bun.Glob("[0-9]*/comm").scanSync({ cwd: "/proc" })].map((path) => path.split("/")[0] ?? "")
    : [];
  const sizes = pids.flatMap((pid) => {
    try {
      if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== "berth-shim") return [];
      const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
      return [Number(pss?.[1] ?? "0")];
    } catch {
      // It ended while we looked.
      return [];
    }
  });
  return Math.max(0, ...sizes);
}
