import { existsSync } from "node:fs";
import { join } from "node:path";
import { EngineError, isKind } from "../base/errors.ts";
import { type ContainerId, newContainerId, shortId } from "../base/ids.ts";
import type { Logger } from "../host/logger.ts";
import { encodePlan } from "../kernel/plan.ts";
import {
  type ExitStatus,
  INIT_PROCESS,
  type KernelHelper,
  type ShimSession,
} from "../kernel/shim-session.ts";
import { removeLeftCgroup } from "./cgroups/cgroup-files.ts";
import type { Cgroups } from "./cgroups/cgroups.ts";
import { CgroupsV1 } from "./cgroups/v1.ts";
import { CgroupsV2 } from "./cgroups/v2.ts";
import type { ContainerProcess, ContainerRuntime, LaunchSpec, MachineFacts } from "./container-runtime.ts";
import { mountPointOf, readMounts } from "./machine-facts.ts";
import { launchPlan, type PreparedLinux, preparationKey, preparePlan } from "./plan/launch-plan.ts";
import {
  createRunDirectory,
  listRunDirectories,
  readExitRecord,
  readOwner,
  removeRunDirectory,
  runDirectoryName,
} from "./run-directory.ts";
import { ShimContainer } from "./shim-container.ts";
import { cgroupsPathOf } from "./spec/build-runtime-config.ts";
import { defaultCgroupnsMode } from "./spec/namespaces.ts";
import { WarmPool, type WarmSlot } from "./warm-pool.ts";

export interface ShimRuntimeOptions {
  readonly kernel: KernelHelper;
  /** On a tmpfs, absolute, without links; run directories go to `containers` in it. */
  readonly execRoot: string;
  readonly machine: MachineFacts;
  readonly logger: Logger;
  /** Containers to keep prepared; 0: none. */
  readonly warmContainers?: number;
}

const WARM_CONTAINERS = 3;

/** What a container has prepared that asks for nothing special. */
function plainLinux(id: ContainerId, machine: MachineFacts): PreparedLinux {
  const types = ["mount", "network", "uts", "pid", "ipc"] as const;
  const cgroup = defaultCgroupnsMode(machine) === "private" ? (["cgroup"] as const) : [];
  return {
    namespaces: [...types, ...cgroup].map((type) => ({ type })),
    cgroupsPath: cgroupsPathOf(undefined, id),
    resources: {},
  };
}

const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/**
 * Containers as processes with a shim each. Nothing is kept but the sessions: what a later daemon needs is in the run
 * directories, and a crash leaves only what `adopt`, `forget` and `sweep` find there.
 */
export class ShimRuntime implements ContainerRuntime {
  readonly #kernel: KernelHelper;
  readonly #machine: MachineFacts;
  readonly #logger: Logger;
  readonly #cgroups: Cgroups;
  readonly #execRoot: string;
  readonly #pool: WarmPool;
  readonly #containers = new Map<ContainerId, ShimContainer>();
  /** Launch plans made beforehand. */
  readonly #plans = new WeakMap<LaunchSpec, Uint8Array>();
  /** Containers between the first line of a start and their entry in `containers`. */
  readonly #starting = new Set<ContainerId>();
  /** Containers whose shims are being ended. */
  readonly #forgetting = new Map<ContainerId, Promise<void>>();
  #mountPoint: Promise<string> | undefined;

  constructor({ kernel, execRoot, machine, logger, warmContainers = WARM_CONTAINERS }: ShimRuntimeOptions) {
    this.#kernel = kernel;
    this.#machine = machine;
    this.#logger = logger;
    this.#execRoot = execRoot;
    this.#cgroups =
      machine.cgroups.version === 1 ? new CgroupsV1(machine.cgroups) : new CgroupsV2(machine.cgroups);
    this.#pool = new WarmPool({
      size: warmContainers,
      logger,
      make: (id) => this.#prepare(id, plainLinux(id, machine)),
      discard: (slot) => this.#discard(slot.id, slot.session),
    });
  }

  #directory(id: ContainerId): string {
    return join(this.#execRoot, "containers", runDirectoryName(id));
  }

  reserve(): ContainerId {
    return this.#pool.reserve() ?? newContainerId();
  }

  async start(
    spec: LaunchSpec,
    beforeProgram: (process: ContainerProcess) => Promise<void>,
  ): Promise<ContainerProcess> {
    const { id } = spec;
    const known = this.#containers.get(id);
    if (this.#starting.has(id) || known?.ended === false) {
      throw new EngineError("conflict", `container ${shortId(id)} has a process already`);
    }
    this.#starting.add(id);
    this.#pool.startBegins();
    try {
      // Started again: its last run is over, but not forgotten yet.
      if (known !== undefined || this.#forgetting.has(id)) await this.forget(id);
      return await this.#start(spec, beforeProgram);
    } finally {
      this.#starting.delete(id);
      this.#pool.startEnds();
    }
  }

  async #start(
    spec: LaunchSpec,
    beforeProgram: (process: ContainerProcess) => Promise<void>,
  ): Promise<ContainerProcess> {
    const { id, config } = spec;
    const mountPoint = await this.#findMountPoint();
    const slot = (await this.#takeSlot(id, config.linux)) ?? (await this.#prepareAnew(id, config.linux));
    const container = this.#contain(id, slot.session, slot.pid, config.linux.cgroupsPath, 1);
    this.#containers.set(id, container);
    try {
      const ready = beforeProgram(container);
      ready.catch(() => {});
      // While the first clients connect.
      const launch = this.#plans.get(spec) ?? this.#planLaunch(spec, mountPoint);
      await ready;
      // Taken before, so that no program ends before it has begun.
      container.startedAtNs = nowNs();
      await slot.session.launch(launch);
      return container;
    } catch (error) {
      await this.#discard(id, slot.session).catch((cause: unknown) =>
        this.#warn("a failed start left something", id, cause),
      );
      this.#containers.delete(id);
      throw error;
    }
  }

  #findMountPoint(): Promise<string> {
    this.#mountPoint ??= readMounts().then((mounts) => mountPointOf(this.#execRoot, mounts));
    return this.#mountPoint;
  }

  #planLaunch(spec: LaunchSpec, mountPoint: string): Uint8Array {
    return encodePlan(launchPlan(spec, this.#cgroups, { directory: this.#directory(spec.id), mountPoint }));
  }

  async anticipate(spec: LaunchSpec): Promise<void> {
    try {
      this.#plans.set(spec, this.#planLaunch(spec, await this.#findMountPoint()));
    } catch {
      // Said by the start, to whom it concerns.
    }
  }

  /** The slot that was reserved with the id, when it is what this container needs. */
  async #takeSlot(id: ContainerId, linux: PreparedLinux): Promise<WarmSlot | undefined> {
    const slot = await this.#pool.take(id);
    if (slot === undefined) return undefined;
    if (slot.key === preparationKey(linux)) return slot;
    await this.#pool.leave(slot);
    return undefined;
  }

  /** A container that is started again may have left something of its last run. */
  async #prepareAnew(id: ContainerId, linux: PreparedLinux): Promise<WarmSlot> {
    if (readOwner(this.#directory(id)) !== undefined) await this.#removeRemains(this.#directory(id));
    return this.#prepare(id, linux);
  }

  async #prepare(id: ContainerId, linux: PreparedLinux): Promise<WarmSlot> {
    const directory = this.#directory(id);
    const plan = encodePlan(preparePlan(linux, this.#cgroups, directory));
    const { cgroupsPath, resources } = linux;
    const cgroupDirectories = this.#cgroups.directories(cgroupsPath, resources);
    let session: ShimSession | undefined;
    try {
      await this.#cgroups.ensureParent(cgroupsPath, resources);
      createRunDirectory(directory, { cgroupsPath, cgroupDirectories });
      session = await this.#kernel.spawnShim(directory, shortId(id));
      const { pid } = await session.prepare(plan);
      return { id, session, pid, key: preparationKey(linux) };
    } catch (error) {
      // Without a session there can be a shim all the same: berth-kernel may have died with the answer.
      const removed = session === undefined ? this.#removeRemains(directory) : this.#discard(id, session);
      await removed.catch((cause: unknown) => this.#warn("a failed start left something", id, cause));
      throw error;
    }
  }

  #contain(
    id: ContainerId,
    session: ShimSession,
    pid: number,
    cgroupsPath: string,
    firstExec: number,
    startedAtNs = nowNs(),
  ): ShimContainer {
    const directory = this.#directory(id);
    return new ShimContainer({
      ...{ id, session, pid, startedAtNs, cgroupsPath, firstExec },
      cgroups: this.#cgroups,
      capabilityBounds: this.#machine.capabilityBounds,
      readExit: () => readExitRecord(directory)?.status,
      reconnect: () => this.#kernel.connectShim(directory),
    });
  }

  async adopt(id: ContainerId): Promise<ContainerProcess | { readonly exit: ExitStatus } | undefined> {
    const known = this.#containers.get(id);
    if (known !== undefined && !known.ended) return known;
    const directory = this.#directory(id);
    const owner = readOwner(directory);
    if (owner === undefined) return undefined;
    const session = await this.#connect(directory);
    if (session === undefined) return this.#recordedExitOrEnd(directory);
    const state = await session.state().catch(ignoreUnavailable);
    // It may end at any moment: then the record is there.
    if (state === undefined) return this.#recordedExitOrEnd(directory);
    const { phase, pid, startedAtNs } = state;
    if (phase === "running") {
      // Seconds since the epoch: above every number that the daemon before this one has given out.
      const firstExec = Math.floor(Date.now() / 1000) & 0x7fffffff;
      const container = this.#contain(id, session, pid, owner.cgroupsPath, firstExec, startedAtNs);
      this.#containers.set(id, container);
      return container;
    }
    if (phase === "exited") {
      const exit = await Promise.race([initExit(session), session.closed.then(() => undefined)]);
      session.close();
      return exit === undefined ? this.#recordedExitOrEnd(directory) : { exit };
    }
    // Prepared, but its program never ran.
    await session.abandon().catch(ignoreUnavailable);
    return undefined;
  }

  /**
   * Without a shim and without its record: the shim was killed. Its container can go on, since nobody was left to end it,
   * but nothing can reach it any more, and its caller takes it for ended.
   */
  async #recordedExitOrEnd(directory: string): Promise<{ readonly exit: ExitStatus } | undefined> {
    const record = readExitRecord(directory);
    if (record !== undefined) return { exit: record.status };
    await this.#removeRemains(directory);
    return undefined;
  }

  async #connect(directory: string): Promise<ShimSession | undefined> {
    try {
      return await this.#kernel.connectShim(directory);
    } catch (error) {
      if (isKind(error, "unavailable")) return undefined;
      throw error;
    }
  }

  forget(id: ContainerId): Promise<void> {
    const known = this.#forgetting.get(id);
    if (known !== undefined) return known;
    const forgetting = this.#forget(id).finally(() => this.#forgetting.delete(id));
    this.#forgetting.set(id, forgetting);
    return forgetting;
  }

  async #forget(id: ContainerId): Promise<void> {
    await this.#pool.giveUp(id);
    const container = this.#containers.get(id);
    await (container === undefined
      ? this.#removeRemains(this.#directory(id))
      : this.#discard(id, container.session));
    this.#containers.delete(id);
  }

  async sweep(isKnown: (runDirectoryName: string) => boolean): Promise<void> {
    const names = listRunDirectories(join(this.#execRoot, "containers"));
    const mine = (id: ContainerId, name: string) => runDirectoryName(id) === name;
    for (const name of names) {
      const inUse = [...this.#containers.keys(), ...this.#starting].some((id) => mine(id, name));
      if (inUse || this.#pool.has((id) => mine(id, name)) || isKnown(name)) continue;
      this.#logger.info("removing what a container without a record left", { directory: name });
      await this.#removeRemains(join(this.#execRoot, "containers", name));
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#forgetting.values());
    await this.#pool.close();
    for (const container of this.#containers.values()) container.release();
    this.#containers.clear();
  }

  /** Ends the shim and removes the container's traces. */
  async #discard(id: ContainerId, session: ShimSession): Promise<void> {
    await session.abandon().catch(ignoreUnavailable);
    session.close();
    await this.#removeTraces(this.#directory(id));
  }

  /** The same when it is not known whether a shim lives. */
  async #removeRemains(directory: string): Promise<void> {
    const session = await this.#connect(directory);
    await session?.abandon().catch(ignoreUnavailable);
    session?.close();
    await this.#removeTraces(directory);
  }

  /**
   * The cgroups are the shim's to remove; where it could not, and then the directory, which is the list of them. Looked for
   * synchronously: cgroupfs answers from memory in microseconds, a hop through the thread pool costs more than all of them.
   */
  async #removeTraces(directory: string): Promise<void> {
    const owner = readOwner(directory);
    const left = (owner?.cgroupDirectories ?? []).filter((cgroup) => existsSync(cgroup));
    for (const cgroup of left) await removeLeftCgroup(cgroup);
    removeRunDirectory(directory);
  }

  #warn(message: string, id: ContainerId, cause: unknown): void {
    this.#logger.warn(message, { id: shortId(id), error: String(cause) });
  }
}

function initExit(session: ShimSession): Promise<ExitStatus> {
  return new Promise((resolve) => {
    session.onExit((process, status) => {
      if (process === INIT_PROCESS) resolve(status);
    });
  });
}

/** A shim that is gone has nothing left to end. */
function ignoreUnavailable(error: unknown): undefined {
  if (!isKind(error, "unavailable")) throw error;
  return undefined;
}
