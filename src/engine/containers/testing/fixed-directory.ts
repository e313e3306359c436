/** A directory of containers in memory for the tests of the reading use-cases. */
import { EngineError } from "../../../base/errors.ts";
import type { ContainerId, ImageId } from "../../../base/ids.ts";
import type { ContainerProcess } from "../../../runtime/container-runtime.ts";
import type { ContainerRecord, ContainerState } from "../container-record.ts";
import type { ExecSession } from "../exec/exec-session.ts";
import type { ContainerDirectory, LiveContainer } from "../live-container.ts";

export const SECOND_NS = 1_000_000_000n;

export const STOPPED: ContainerState = {
  status: "created",
  pid: 0,
  exitCode: 0,
  error: "",
  oomKilled: false,
  startedAtNs: 0n,
  finishedAtNs: 0n,
};

/** `number` gives the id: 64 digits that begin with it. */
export function containerRecord(number: number, changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    id: `${number}`.padEnd(64, "a") as ContainerId,
    name: `name${number}`,
    createdAtNs: BigInt(number) * SECOND_NS,
    imageId: `sha256:${"1".repeat(64)}` as ImageId,
    imageReference: "busybox:latest",
    config: { Cmd: ["sh"], Labels: {} },
    hostConfig: { NetworkMode: "none" },
    mounts: [],
    snapshot: `snapshot-${number}`,
    state: STOPPED,
    restartCount: 0,
    ...changes,
  };
}

export class FixedContainer implements LiveContainer {
  readonly execs = new Map<ExecSession["id"], ExecSession>();
  record: ContainerRecord;
  process: ContainerProcess | undefined;
  #change = Promise.withResolvers<void>();

  constructor(record: ContainerRecord, process?: ContainerProcess) {
    this.record = record;
    this.process = process;
  }

  get id(): ContainerId {
    return this.record.id;
  }

  changed(): Promise<void> {
    return this.#change.promise;
  }

  update(state: Partial<ContainerState>, process = this.process): void {
    this.record = { ...this.record, state: { ...this.record.state, ...state } };
    this.process = process;
    this.#tell();
  }

  stop(exitCode = 0): void {
    this.record = { ...this.record, state: { ...this.record.state, status: "exited", pid: 0, exitCode } };
    this.process = undefined;
    this.#tell();
  }

  #tell(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}

export class FixedDirectory implements ContainerDirectory {
  readonly #containers: readonly LiveContainer[];

  constructor(...containers: readonly LiveContainer[]) {
    this.#containers = containers;
  }

  get(ref: string): LiveContainer {
    const found = this.find(ref);
    if (found === undefined) throw new EngineError("notFound", `No such container: ${ref}`);
    return found;
  }

  find(ref: string): LiveContainer | undefined {
    const name = ref.replace(/^\//, "");
    const byId = this.#containers.filter(({ id }) => ref !== "" && id.startsWith(ref));
    return (
      this.#containers.find(({ id, record }) => id === ref || record.name === name) ??
      (byId.length === 1 ? byId[0] : undefined)
    );
  }

  all(): readonly LiveContainer[] {
    return this.#containers;
  }
}

/** A process of which only what a test gives may be used. */
export function processWith(parts: Partial<ContainerProcess>): ContainerProcess {
  return new Proxy(parts, {
    get(target, name) {
      if (!(name in target)) throw new Error(`the test did not expect the use of ${String(name)}`);
      return Reflect.get(target, name);
    },
  }) as ContainerProcess;
}
