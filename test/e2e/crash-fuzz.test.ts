/**
 * The daemon is killed at random moments of everything that it does; after each, all that it shows must be true and all
 * that it keeps must fit together. BERTH_FUZZ_SEED repeats a run's moments, BERTH_FUZZ_ROUNDS makes it longer.
 */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { dockerArchive } from "../../src/store/testing/image-archives.ts";
import { inconsistencies } from "../support/consistency.ts";
import { BUSYBOX, withDaemon } from "../support/fixture.ts";
import { busyboxTar } from "../support/images.ts";
import { until } from "../support/until.ts";

const { daemon, scratch } = withDaemon();
const ROUNDS = Number(process.env.BERTH_FUZZ_ROUNDS ?? 24);
const SEED = Number(process.env.BERTH_FUZZ_SEED ?? Date.now() % 1_000_000);
const LATEST_MS = 800;

/** mulberry32: a number in [0, 1) each time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An answer that says no, other than the silence of a daemon that is gone. */
class Refusal extends Error {}

/** Ends with a rejection as soon as the daemon is gone. */
async function call(method: string, path: string, body?: object | Uint8Array<ArrayBuffer>): Promise<unknown> {
  const isJson = body !== undefined && !(body instanceof Uint8Array);
  const response = await daemon.api(method, path, {
    body: isJson ? JSON.stringify(body) : body,
    headers: { "content-type": isJson ? "application/json" : "application/x-tar" },
  });
  const text = await response.text();
  if (response.status >= 400) throw new Refusal(`${method} ${path}: ${response.status} ${text}`);
  const answer = response.headers.get("content-type")?.includes("json") ? parseLast(text) : text;
  // A load's errors come in its stream.
  if (typeof answer === "object" && answer !== null && "errorDetail" in answer)
    throw new Refusal(`${path}: ${text}`);
  return answer;
}

const parseLast = (text: string): unknown => JSON.parse(text.trim().split("\n").at(-1) ?? "null");

const configOf = (script: string, host: object = {}) => ({
  Image: BUSYBOX,
  Cmd: ["sh", "-c", script],
  HostConfig: { NetworkMode: "none", ...host },
});
const create = async (name: string, script: string, host?: object) =>
  ((await call("POST", `/containers/create?name=${name}`, configOf(script, host))) as { Id: string }).Id;

function unlessMissing(error: unknown): void {
  if (!(error instanceof Refusal && error.message.includes(": 404 "))) throw error;
}

type Work = (worker: number, step: number) => Promise<unknown>;

let archive = new Uint8Array();
let tar = new Uint8Array();
/** Every name that any work uses. */
const NAMES = Array.from({ length: 10 }, (_, index) => [`w${index}`, `w${index}-new`]).flat();

const WORKS: Readonly<Record<string, { workers: number; work: Work }>> = {
  "run --rm": {
    workers: 10,
    work: async (worker) => {
      const id = await create(`w${worker}`, "echo hi", { AutoRemove: true });
      const removed = call("POST", `/containers/${id}/wait?condition=removed`);
      await Promise.all([removed, call("POST", `/containers/${id}/start`)]);
    },
  },
  "create, start, stop, rm": {
    workers: 4,
    work: async (worker) => {
      const id = await create(`w${worker}`, "exec sleep 1000");
      await call("POST", `/containers/${id}/start`);
      await call("POST", `/containers/${id}/stop?t=0`);
      await call("POST", `/containers/${id}/restart?t=0`);
      await call("DELETE", `/containers/${id}?force=1`);
    },
  },
  "exec and pause": {
    workers: 3,
    work: async (worker, step) => {
      if (step === 0) await create(`w${worker}`, "exec sleep 1000");
      if (step === 0) await call("POST", `/containers/w${worker}/start`);
      const exec = (await call("POST", `/containers/w${worker}/exec`, {
        Cmd: ["sh", "-c", "echo hi; exec sleep 1000"],
        AttachStdout: true,
      })) as { Id: string };
      await call("POST", `/exec/${exec.Id}/start`, { Detach: true });
      await call("POST", `/containers/w${worker}/pause`);
      await call("POST", `/containers/w${worker}/unpause`);
    },
  },
  rename: {
    workers: 4,
    work: async (worker, step) => {
      if (step === 0) await create(`w${worker}`, "true");
      await call("POST", `/containers/w${worker}/rename?name=w${worker}-new`);
      await call("POST", `/containers/w${worker}-new/rename?name=w${worker}`);
    },
  },
  "load and rmi": {
    workers: 2,
    work: async () => {
      await call("POST", "/images/load?quiet=1", archive);
      // The other worker may have been faster.
      await call("DELETE", "/images/fuzz:a?force=1").catch(unlessMissing);
      await call("DELETE", "/images/fuzz:b?force=1").catch(unlessMissing);
    },
  },
  "import and run": {
    workers: 2,
    work: async (worker) => {
      await call("POST", `/images/create?fromSrc=-&repo=imported&tag=t${worker}`, tar);
      const id = await create(`w${worker}`, "true");
      await call("POST", `/containers/${id}/start`);
      await call("DELETE", `/containers/${id}?force=1`);
    },
  },
};

/** Of all workers of all rounds: a test in which nothing was done would prove nothing. */
let done = 0;

/** Works until the daemon is gone. */
async function workUntilKilled(worker: number, work: Work): Promise<void> {
  for (let step = 0; ; step++) {
    try {
      await work(worker, step);
      done++;
    } catch (error) {
      if (error instanceof Refusal) throw error;
      return;
    }
  }
}

async function checkContainers(): Promise<void> {
  const listed = (await call("GET", "/containers/json?all=1")) as {
    Id: string;
    Names: string[];
    State: string;
  }[];
  for (const { Id, Names, State } of listed) {
    const { State: state } = (await call("GET", `/containers/${Id}/json`)) as {
      State: { Status: string; Pid: number; Running: boolean };
    };
    expect(["created", "running", "paused", "exited"]).toContain(State);
    if (State !== "exited") expect(state.Status).toBe(State);
    if (state.Running) expect(readFileSync(`/proc/${state.Pid}/comm`, "utf8")).not.toBe("");
    expect(NAMES.map((name) => `/${name}`)).toContain(Names[0] ?? "no name");
  }
  // Whatever the crash cut off, it can be started, which says so of its layer and its files.
  for (const { Id } of listed.filter(({ State }) => State === "created" || State === "exited"))
    await call("POST", `/containers/${Id}/start`);
  const taken = listed.flatMap(({ Names }) => Names);
  for (const name of NAMES.filter((each) => !taken.includes(`/${each}`))) {
    const response = await daemon.api("POST", `/containers/create?name=${name}`, {
      body: JSON.stringify(configOf("true")),
      headers: { "content-type": "application/json" },
    });
    expect(`${name} ${response.status}`).toBe(`${name} 201`);
    await call("DELETE", `/containers/${name}`);
  }
}

async function checkImages(): Promise<void> {
  const images = (await call("GET", "/images/json?all=1")) as { Id: string }[];
  expect(images.length).toBeGreaterThan(0);
  for (const { Id } of images) {
    await call("GET", `/images/${Id}/json`);
    await call("GET", `/images/${Id}/history`);
    const body = { Image: Id, Cmd: ["true"], HostConfig: { NetworkMode: "none" } };
    const made = (await call("POST", "/containers/create", body)) as { Id: string };
    await call("POST", `/containers/${made.Id}/start`);
    expect(await call("POST", `/containers/${made.Id}/wait`)).toMatchObject({ StatusCode: 0 });
    await call("DELETE", `/containers/${made.Id}`);
  }
}

async function untilConsistent(): Promise<void> {
  let faults: string[] = [];
  await until("a state that fits together", async () => {
    faults = await inconsistencies(daemon);
    return faults.length === 0;
  }).catch(() => undefined);
  expect(faults).toEqual([]);
}

async function removeAll(): Promise<void> {
  for (const { Id } of (await call("GET", "/containers/json?all=1")) as { Id: string }[])
    await call("DELETE", `/containers/${Id}?force=1`);
  for (const { Id, RepoTags } of (await call("GET", "/images/json?all=1")) as {
    Id: string;
    RepoTags: string[];
  }[])
    if (!RepoTags.includes(BUSYBOX)) await call("DELETE", `/images/${Id}?force=1`);
}

/** Also the helpers: what is left of an engine when its service's whole cgroup is killed. */
function killShims(): void {
  const home = join(daemon.root, "x/containers/");
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`).startsWith(home)) process.kill(Number(pid), "SIGKILL");
    } catch {
      // It ended while we looked.
    }
  }
}

test(
  `${ROUNDS} kills at random moments, BERTH_FUZZ_SEED=${SEED}`,
  async () => {
    tar = new Uint8Array(await Bun.file(await busyboxTar(scratch, undefined, "fuzz.tar")).arrayBuffer());
    const more = new Uint8Array(
      await Bun.file(await busyboxTar(scratch, () => {}, "more.tar")).arrayBuffer(),
    );
    archive = new Uint8Array(
      dockerArchive([
        { layers: [tar], tags: ["fuzz:a"] },
        { layers: [tar, more], tags: ["fuzz:b"] },
      ]),
    );
    const random = randomOf(SEED);
    const works = Object.entries(WORKS);
    for (let round = 0; round < ROUNDS; round++) {
      const [name = "", { workers, work } = { workers: 0, work: async () => undefined }] =
        works[round % works.length] ?? [];
      // Most moments are early: a work begins only once in a round.
      const delayMs = random() * random() * LATEST_MS;
      const [alsoShims, alsoStart] = [random() < 0.25, random() < 0.25];
      const label = `round ${round}: ${name}, after ${delayMs.toFixed(1)} ms${alsoShims ? ", with shims" : ""}${alsoStart ? ", and while it starts" : ""}`;
      try {
        const working = Promise.all(
          Array.from({ length: workers }, (_, worker) => workUntilKilled(worker, work)),
        );
        await Promise.race([working, new Promise((resolve) => setTimeout(resolve, delayMs))]);
        await daemon.stop("SIGKILL");
        if (alsoShims) killShims();
        await working;
        if (alsoStart) {
          const starting = daemon.start().catch(() => undefined);
          await new Promise((resolve) => setTimeout(resolve, random() * 60));
          await daemon.stop("SIGKILL");
          await starting;
        }
        await daemon.start();
        await untilConsistent();
        await checkContainers();
        await checkImages();
        await removeAll();
        await untilConsistent();
      } catch (error) {
        throw new Error(
          `${label}, BERTH_FUZZ_SEED=${SEED}: ${error instanceof Error ? error.message : error}`,
          {
            cause: error,
          },
        );
      }
    }
    expect(done).toBeGreaterThan(ROUNDS);
  },
  ROUNDS * 30_000,
);
