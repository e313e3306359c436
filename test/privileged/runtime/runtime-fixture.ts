/** A ShimRuntime on real helpers, with a busybox image below each container. */
import { afterAll, beforeAll } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerConfig, HostConfig } from "../../../src/api/container-config.ts";
import type { ContainerId } from "../../../src/base/ids.ts";
import { createLogger } from "../../../src/host/logger.ts";
import { startKernelHelper } from "../../../src/kernel/kernel-helper.ts";
import type { ExitStatus, KernelHelper, ProcessStream } from "../../../src/kernel/shim-session.ts";
import type { OciRuntimeConfig } from "../../../src/oci/runtime-config.ts";
import type {
  ContainerProcess,
  LaunchSpec,
  MachineFacts,
  SpecInput,
} from "../../../src/runtime/container-runtime.ts";
import { readMachineFacts } from "../../../src/runtime/machine-facts.ts";
import { ShimRuntime } from "../../../src/runtime/shim-runtime.ts";
import { buildRuntimeConfig } from "../../../src/runtime/spec/build-runtime-config.ts";
import { makeBusyboxRoot } from "../../support/images.ts";
import { leftBehind, type MachineState, machineState } from "../../support/machine.ts";

const REPOSITORY = join(import.meta.dir, "../../..");

export interface RunRequest {
  readonly config?: ContainerConfig;
  readonly hostConfig?: HostConfig;
  readonly mounts?: SpecInput["mounts"];
  readonly devices?: SpecInput["devices"];
  readonly sharedWith?: SpecInput["sharedWith"];
  readonly init?: boolean;
}

export interface StartedContainer {
  readonly id: ContainerId;
  readonly config: OciRuntimeConfig;
  readonly process: ContainerProcess;
  /** Everything that it wrote; settles with its end. */
  readonly output: Promise<string>;
}

export interface FixtureOptions {
  readonly warmContainers?: number;
  /** A v1 controller to do without. */
  readonly withoutController?: string;
}

/** The machine as if one of its v1 controllers were not mounted. */
function without(machine: MachineFacts, controller: string | undefined): MachineFacts {
  const { cgroups } = machine;
  if (controller === undefined || cgroups.version !== 1) return machine;
  const controllers = new Map([...cgroups.controllers].filter(([name]) => name !== controller));
  return { ...machine, cgroups: { ...cgroups, controllers } };
}

export class RuntimeFixture {
  constructor(private readonly options: FixtureOptions) {}

  readonly scratch = mkdtempSync(join(tmpdir(), "berth-runtime-"));
  readonly log: string[] = [];
  #kernel: KernelHelper | undefined;
  #machine: MachineFacts | undefined;
  #runtime: ShimRuntime | undefined;
  #lower = "";

  get runtime(): ShimRuntime {
    if (this.#runtime === undefined) throw new Error("the runtime has not been started");
    return this.#runtime;
  }

  get machine(): MachineFacts {
    if (this.#machine === undefined) throw new Error("the runtime has not been started");
    return this.#machine;
  }

  async open(): Promise<void> {
    const { warmContainers = 0, withoutController } = this.options;
    if (this.#lower === "") this.#lower = makeBusyboxRoot(this.scratch);
    const native = join(REPOSITORY, "dist/native");
    this.#kernel ??= await startKernelHelper({
      kernelPath: join(native, "berth-kernel"),
      shimPath: join(native, "berth-shim"),
    });
    this.#machine ??= without(await readMachineFacts(), withoutController);
    this.#runtime = new ShimRuntime({
      kernel: this.#kernel,
      execRoot: join(this.scratch, "x"),
      machine: this.#machine,
      logger: createLogger({ level: "debug", format: "text", write: (line) => this.log.push(line) }),
      warmContainers,
    });
  }

  /** As a daemon does that ends: containers go on. */
  async closeRuntime(): Promise<void> {
    await this.#runtime?.close();
    this.#runtime = undefined;
  }

  async dispose(): Promise<void> {
    await this.closeRuntime();
    await this.#kernel?.close();
    rmSync(this.scratch, { recursive: true, force: true });
  }

  #file(id: ContainerId, name: string, text: string): string {
    const directory = join(this.scratch, "files", id.slice(0, 12));
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  }

  specInput(id: ContainerId, request: RunRequest): SpecInput {
    const { config = {}, hostConfig = {}, mounts = [], devices = [], sharedWith = {} } = request;
    return {
      id,
      config: { Hostname: id.slice(0, 12), ...config },
      hostConfig: { NetworkMode: "none", ...hostConfig },
      mounts,
      files: {
        hostname: this.#file(id, "hostname", `${id.slice(0, 12)}\n`),
        hosts: this.#file(id, "hosts", "127.0.0.1 localhost\n"),
        resolvConf: this.#file(id, "resolv.conf", "nameserver 9.9.9.9\n"),
      },
      sharedWith,
      devices,
      hostDevices: [],
    };
  }

  launchSpec(id: ContainerId, config: OciRuntimeConfig, request: RunRequest): LaunchSpec {
    const layer = join(this.scratch, "layers", id.slice(0, 12));
    for (const name of ["upper", "work"]) mkdirSync(join(layer, name), { recursive: true });
    const tty = request.config?.Tty === true;
    return {
      id,
      config,
      root: { lowerDirs: [this.#lower], upperDir: join(layer, "upper"), workDir: join(layer, "work") },
      user: { spec: request.config?.User ?? "", additionalGroups: request.hostConfig?.GroupAdd ?? [] },
      stdio: { tty, openStdin: false, rows: tty ? 33 : 0, columns: tty ? 101 : 0 },
      log: undefined,
      init: request.init === true,
    };
  }

  /** Starts a container; its output is attached before its program runs. */
  async start(request: RunRequest, id = this.runtime.reserve()): Promise<StartedContainer> {
    const config = buildRuntimeConfig(this.specInput(id, request), this.machine);
    let output: Promise<string> = Promise.resolve("");
    const process = await this.runtime.start(this.launchSpec(id, config, request), async (started) => {
      output = collect(await started.attach({ stdin: false, stdout: true, stderr: true }));
    });
    return { id, config, process, output };
  }

  /** Runs a shell script to its end and removes the container. */
  async run(script: string, request: RunRequest = {}): Promise<{ output: string; exit: ExitStatus }> {
    const config = { Cmd: ["sh", "-c", script], ...request.config };
    const { id, process, output } = await this.start({ ...request, config });
    const [text, exit] = await Promise.all([output, process.exited]);
    await this.runtime.forget(id);
    return { output: text, exit };
  }
}

export async function collect(stream: ProcessStream): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const { data } of stream.output) text += decoder.decode(data, { stream: true });
  return text;
}

export function readText(path: string): string {
  return readFileSync(path, "utf8").trim();
}

/** Registers beforeAll and afterAll; nothing may be left on the machine afterwards. */
export function withRuntime(options: FixtureOptions = {}): RuntimeFixture {
  const fixture = new RuntimeFixture(options);
  let before: MachineState;
  beforeAll(async () => {
    before = machineState();
    await fixture.open();
  });
  afterAll(async () => {
    await fixture.dispose();
    const left = leftBehind(before, machineState()).filter((line) => !line.startsWith("descriptors"));
    if (left.length > 0) throw new Error(`left on the machine:\n${left.join("\n")}\n${fixture.log.join("")}`);
  });
  return fixture;
}
