import { EngineError } from "../../../base/errors.ts";
import { type ContainerId, newContainerId } from "../../../base/ids.ts";
import type { ExitStatus, ProcessStream, StreamSelection } from "../../../kernel/shim-session.ts";
import type {
  ContainerProcess,
  ContainerRuntime,
  ExecProcess,
  LaunchSpec,
} from "../../../runtime/container-runtime.ts";

interface Chunk {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/** A process that does what the test says. */
export class MemoryProcess implements ContainerProcess {
  readonly exit = Promise.withResolvers<ExitStatus>();
  readonly exited = this.exit.promise;
  readonly startedAtNs: bigint;
  readonly signals: number[] = [];
  readonly sizes: [number, number][] = [];
  readonly streams: MemoryStream[] = [];
  frozen = false;
  ended: ExitStatus | undefined;
  /** What a signal does; SIGKILL ends a process that is not told otherwise. */
  onSignal: (signal: number) => void = (signal) => {
    if (signal === 9) this.end({ code: 137, signal: 9 });
  };

  constructor(
    readonly id: ContainerId,
    readonly pid: number,
    nowNs: bigint,
  ) {
    this.startedAtNs = nowNs;
    this.exited.catch(() => undefined);
  }

  end(status: Partial<ExitStatus> = {}): void {
    if (this.ended !== undefined) return;
    const finishedAtNs = this.startedAtNs + 2_500_000_000n;
    this.ended = { code: 0, signal: 0, oomKilled: false, finishedAtNs, ...status };
    for (const stream of this.streams) stream.finish();
    this.exit.resolve(this.ended);
  }

  say(text: string, stream: Chunk["stream"] = "stdout"): void {
    for (const client of this.streams) client.push({ stream, data: new TextEncoder().encode(text) });
  }

  async attach(selection: StreamSelection): Promise<ProcessStream> {
    const stream = new MemoryStream(selection);
    this.streams.push(stream);
    if (this.ended !== undefined) stream.finish();
    return stream;
  }

  async signal(signal: number): Promise<void> {
    if (this.ended !== undefined) throw new EngineError("notFound", "the process has ended");
    this.signals.push(signal);
    if (!this.frozen || signal === 9) this.onSignal(signal);
  }

  async resize(rows: number, columns: number): Promise<void> {
    this.sizes.push([rows, columns]);
  }

  async pause(): Promise<void> {
    this.frozen = true;
  }

  async resume(): Promise<void> {
    this.frozen = false;
  }

  async processes(): Promise<number[]> {
    return [this.pid];
  }

  exec(): Promise<ExecProcess> {
    throw new EngineError("unimplemented", "no exec in memory");
  }
}

export class MemoryStream implements ProcessStream {
  readonly input: string[] = [];
  inputEnded = false;
  closed = false;
  #chunks: Chunk[] = [];
  #finished = false;
  #wake = Promise.withResolvers<void>();
  readonly output: AsyncIterable<Chunk> = { [Symbol.asyncIterator]: () => this.#iterate() };

  constructor(readonly selection: StreamSelection) {}

  push(chunk: Chunk): void {
    if (!this.selection[chunk.stream]) return;
    this.#chunks.push(chunk);
    this.#wake.resolve();
  }

  finish(): void {
    this.#finished = true;
    this.#wake.resolve();
  }

  async write(data: Uint8Array): Promise<void> {
    this.input.push(new TextDecoder().decode(data));
  }

  endInput(): void {
    this.inputEnded = true;
  }

  close(): void {
    this.closed = true;
    this.finish();
  }

  async *#iterate(): AsyncGenerator<Chunk, void, undefined> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) yield chunk;
      else if (this.#finished) return;
      else await this.#wake.promise;
      this.#wake = Promise.withResolvers<void>();
      if (this.#finished || this.#chunks.length > 0) this.#wake.resolve();
    }
  }
}

/** The runtime's port without a kernel. It outlives a "daemon": a second lifecycle over it finds its processes again. */
export class MemoryRuntime implements ContainerRuntime {
  readonly launched: LaunchSpec[] = [];
  readonly anticipated: LaunchSpec[] = [];
  readonly forgotten: string[] = [];
  readonly processes = new Map<string, MemoryProcess>();
  /** Exit records that no daemon has cleaned up. */
  readonly records = new Map<string, ExitStatus>();
  /** Run directories. */
  readonly known = new Set<string>();
  /** What the next start fails with. */
  failWith: Error | undefined;
  /** Told of each process before its program "runs". */
  onLaunch: (process: MemoryProcess) => void = () => undefined;
  #anticipation = Promise.withResolvers<void>();
  #lastPid = 1000;
  #nowNs = 1_700_000_000_000_000_000n;

  reserve(): ContainerId {
    const id = newContainerId();
    this.known.add(id);
    return id;
  }

  async anticipate(spec: LaunchSpec): Promise<void> {
    this.anticipated.push(spec);
    this.#anticipation.resolve();
  }

  nextAnticipation(): Promise<void> {
    this.#anticipation = Promise.withResolvers();
    return this.#anticipation.promise;
  }

  async start(
    spec: LaunchSpec,
    beforeProgram: (process: ContainerProcess) => Promise<void>,
  ): Promise<ContainerProcess> {
    this.launched.push(spec);
    const failure = this.failWith;
    this.failWith = undefined;
    if (failure !== undefined) throw failure;
    this.#nowNs += 60_000_000_000n;
    const process = new MemoryProcess(spec.id, ++this.#lastPid, this.#nowNs);
    this.processes.set(spec.id, process);
    this.known.add(spec.id);
    process.exited.then(
      (status) => this.records.set(spec.id, status),
      () => this.processes.delete(spec.id),
    );
    await beforeProgram(process);
    this.onLaunch(process);
    return process;
  }

  async adopt(id: ContainerId): Promise<ContainerProcess | { readonly exit: ExitStatus } | undefined> {
    const exit = this.records.get(id);
    if (exit !== undefined) return { exit };
    return this.processes.get(id);
  }

  async forget(id: ContainerId): Promise<void> {
    this.forgotten.push(id);
    this.processes.delete(id);
    this.records.delete(id);
    this.known.delete(id);
  }

  async sweep(isKnown: (runDirectoryName: string) => boolean): Promise<void> {
    // The real one's directories have shorter names than the ids.
    for (const name of this.known) if (!isKnown(name.slice(0, 32))) this.known.delete(name);
  }

  async close(): Promise<void> {}

  /** The process of a container that runs. */
  process(id: string): MemoryProcess {
    const process = this.processes.get(id);
    if (process === undefined) throw new Error(`no process of ${id}`);
    return process;
  }
}
