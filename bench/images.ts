/** What moving images costs: load, push, pull and list, against Docker with the same archives and registries. */
import { mkdtempSync, rmSync } from "node:fs";
import { BERTH, type TestDaemon } from "../test/support/daemon.ts";
import { TestRegistry } from "../test/support/registry.ts";
import { mustRun } from "../test/support/run-command.ts";
import { print, reportLine, type Sample, timeInTurn } from "./measure.ts";
import type { Peer } from "./peers.ts";
import { forgetPeak, peakMegabytes } from "./resident-memory.ts";
import { largeArchive, manyImagesArchive, tenLayerArchive } from "./sample-images.ts";

const ROUNDS = 3;
const IMAGE = "ten-layers:latest";
const LARGE_MEGABYTES = 2000;
const MANY = 1000;

/** A command line against one engine. */
type Engine = (...args: readonly string[]) => Promise<string>;

export async function benchImages(daemon: TestDaemon, docker: Peer | undefined): Promise<void> {
  const scratch = mkdtempSync("/var/tmp/berth-bench-images-");
  const berth: Engine = (...args) => mustRun([BERTH, ...args], { env: { DOCKER_HOST: daemon.host } });
  const engines: Record<string, Engine> = {
    berth,
    ...(docker === undefined ? {} : { docker: (...args: readonly string[]) => docker.run(...args) }),
  };
  try {
    const archive = await tenLayerArchive(scratch, IMAGE);
    report("load of 10 layers, 500 MB", await timeLoads(engines, archive), "<= 0.50");
    report("push of its layers to a new registry", await timePushes(engines, archive), "<= 0.50");
    report("cold pull of it", await timePulls(engines, archive), "<= 0.40");
    rmSync(archive);
    report(`list of ${MANY} images`, await timeLists(engines, scratch), "<= 1.00");
    await peakOfPull(daemon, berth, scratch);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function report(what: string, samples: Record<string, Sample>, target: string): void {
  const ours = samples.berth?.median ?? 0;
  if (samples.docker !== undefined) print(reportLine(what, ours, samples.docker.median, "docker", target));
  else print(`${what.padEnd(46)} ${ours.toFixed(1).padStart(8)} ms`);
}

const named = <T>(engines: Record<string, Engine>, thing: (engine: Engine) => T) =>
  Object.fromEntries(Object.entries(engines).map(([name, engine]) => [name, () => thing(engine)]));

/** What the last one left to write is not the next one's. */
const flush = () => mustRun(["sync"]);

async function timeLoads(engines: Record<string, Engine>, archive: string): Promise<Record<string, Sample>> {
  return await timeInTurn(
    ROUNDS,
    named(engines, (engine) => engine("load", "-q", "-i", archive)),
    async (name) => {
      await engines[name]?.("rmi", "-f", IMAGE).catch(() => undefined);
      await flush();
    },
  );
}

/** A registry of its own for each push: nothing can be mounted or found there. */
async function timePushes(engines: Record<string, Engine>, archive: string): Promise<Record<string, Sample>> {
  let registry: TestRegistry | undefined;
  for (const engine of Object.values(engines)) await engine("load", "-q", "-i", archive);
  const samples = await timeInTurn(
    ROUNDS,
    named(engines, (engine) => engine("push", "-q", `${registry?.host}/bench:1`)),
    async (name) => {
      await registry?.[Symbol.asyncDispose]();
      registry = await TestRegistry.start();
      await engines[name]?.("tag", IMAGE, `${registry.host}/bench:1`);
      await flush();
    },
  );
  await registry?.[Symbol.asyncDispose]();
  for (const engine of Object.values(engines)) await removeAll(engine);
  return samples;
}

async function timePulls(engines: Record<string, Engine>, archive: string): Promise<Record<string, Sample>> {
  await using registry = await TestRegistry.start();
  const reference = `${registry.host}/bench:1`;
  await mustRun([
    "skopeo",
    "copy",
    "--dest-tls-verify=false",
    `docker-archive:${archive}`,
    `docker://${reference}`,
  ]);
  return await timeInTurn(
    ROUNDS,
    named(engines, (engine) => engine("pull", "-q", reference)),
    async (name) => {
      const engine = engines[name];
      if (engine !== undefined) await removeAll(engine);
      await flush();
    },
  );
}

async function timeLists(engines: Record<string, Engine>, scratch: string): Promise<Record<string, Sample>> {
  const many = await manyImagesArchive(scratch, MANY);
  for (const engine of Object.values(engines)) {
    await removeAll(engine);
    await engine("load", "-q", "-i", many);
  }
  return await timeInTurn(
    10,
    named(engines, (engine) => engine("images")),
  );
}

async function removeAll(engine: Engine): Promise<void> {
  const ids = (await engine("images", "-q")).split("\n").filter((id) => id !== "");
  if (ids.length > 0) await engine("rmi", "-f", ...new Set(ids));
}

async function peakOfPull(daemon: TestDaemon, berth: Engine, scratch: string): Promise<void> {
  await using registry = await TestRegistry.start();
  const archive = await largeArchive(scratch, "large:latest", LARGE_MEGABYTES);
  const reference = `${registry.host}/large:1`;
  await mustRun([
    "skopeo",
    "copy",
    "--dest-tls-verify=false",
    `docker-archive:${archive}`,
    `docker://${reference}`,
  ]);
  rmSync(archive);
  forgetPeak(daemon.pid);
  await berth("pull", "-q", reference);
  const peak = peakMegabytes(daemon.pid);
  print(
    `daemon's peak memory during a pull of ${LARGE_MEGABYTES} MB    ${peak.toFixed(1)} MB RSS  target <= 200`,
  );
}
