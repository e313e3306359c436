import { type FileHandle, open } from "node:fs/promises";
import { EngineError } from "../base/errors.ts";
import { DigestingStream } from "../host/hashing.ts";
import { compressionOfFile, decompress } from "../host/stream-decompression.ts";
import { feedInput } from "./child-input.ts";
import type { LayerUnpacker, UnpackResult } from "./shim-session.ts";

export interface LayerUnpackerOptions {
  readonly kernelPath: string;
  /** Write the target's file system to the disk before `unpack` resolves. Default false: see LayerUnpacker.sync. */
  readonly sync?: boolean;
  /** Put each target apart from what was made before, replacing its empty directory: faster on ext4. Default false. */
  readonly spread?: boolean;
  /** Defaults of berth-kernel: two million files, 64 GiB. */
  readonly mostEntries?: number;
  readonly mostBytes?: number;
}

const READ_BYTES = 1 << 20;

type UnpackProcess = Bun.Subprocess<"pipe" | number, "pipe", "pipe">;
type FedProcess = Bun.Subprocess<"pipe", "pipe", "pipe">;

/**
 * Unpacks layers with `berth-kernel unpack`, one process for each, confined to its target (native/kernel/confine.c). A file,
 * plain or gzip, is its standard input: it reads, inflates and hashes by itself. zstd is inflated here, on Bun's threads.
 * `unpack` throws invalid for the archive's faults, exhausted for a full disk, canceled after `signal`, what a stream throws, and
 * internal for the rest.
 */
export function createLayerUnpacker(options: LayerUnpackerOptions): LayerUnpacker {
  const flags = [
    ...(options.sync === true ? ["--sync"] : []),
    ...(options.spread === true ? ["--spread"] : []),
    ...(options.mostEntries === undefined ? [] : ["--most-entries", String(options.mostEntries)]),
    ...(options.mostBytes === undefined ? [] : ["--most-bytes", String(options.mostBytes)]),
  ];
  const run = async (
    job: {
      readonly target: string;
      readonly flags: readonly string[];
      readonly input: FileHandle | AsyncIterable<Uint8Array>;
    },
    signal: AbortSignal | undefined,
    onProgress: (inputBytes: number) => void,
  ): Promise<UnpackResult> => {
    if (signal?.aborted) throw canceled(signal);
    const command = [options.kernelPath, "unpack", ...flags, ...job.flags, "--", job.target];
    const from = "fd" in job.input ? job.input.fd : "pipe";
    const child: UnpackProcess = Bun.spawn(command, {
      cwd: "/",
      env: {},
      stdin: from,
      stdout: "pipe",
      stderr: "pipe",
    });
    const output = Promise.all([resultLine(child.stdout, onProgress), child.stderr.text()]);
    const kill = () => child.kill("SIGKILL");
    signal?.addEventListener("abort", kill);
    try {
      if (!("fd" in job.input)) await feedInput(child as FedProcess, job.input);
      await child.exited;
      if (signal?.aborted) throw canceled(signal);
      const [result, message] = await output;
      return resultOf(child, result, message.trim());
    } finally {
      signal?.removeEventListener("abort", kill);
      // Nobody may go on writing into the target, which the caller removes after a failure.
      kill();
      await child.exited;
    }
  };
  return {
    async unpack(target, layer, signal, onProgress = () => undefined) {
      if (!("path" in layer)) return await run({ target, flags: [], input: layer }, signal, onProgress);
      const compression = await compressionOfFile(layer.path);
      await using file = await open(layer.path, "r");
      if (compression === "none" || compression === "gzip") {
        const kind = compression === "gzip" ? ["--gzip", "--progress"] : ["--progress"];
        return await run({ target, flags: kind, input: file }, signal, onProgress);
      }
      const digesting = new DigestingStream(bytesOf(file, onProgress));
      const result = await run({ target, flags: [], input: decompress(digesting) }, signal, () => undefined);
      return { ...result, inputDigest: `sha256:${digesting.digest.sha256}` };
    },
    async sync(directory) {
      const child = Bun.spawn([options.kernelPath, "sync", directory], {
        cwd: "/",
        env: {},
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
      });
      const message = await child.stderr.text();
      if ((await child.exited) !== 0)
        throw new EngineError("internal", `cannot sync ${directory}: ${message.trim()}`);
    },
  };
}

async function* bytesOf(
  file: FileHandle,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; ; ) {
    const buffer = new Uint8Array(READ_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    onProgress(at);
    yield buffer.subarray(0, bytesRead);
  }
}

/** Reads what the child says: lines of progress, and one with the result, which is returned. */
async function resultLine(
  output: ReadableStream<Uint8Array>,
  onProgress: (bytes: number) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    const told = lines.findLast((line) => line.startsWith("progress "));
    if (told !== undefined) onProgress(Number(told.slice(9)));
    const result = lines.find((line) => !line.startsWith("progress "));
    if (result !== undefined) return result;
  }
  return rest;
}

const EXHAUSTED = new Set(["ENOSPC", "EDQUOT", "ENOMEM", "EMFILE", "ENFILE"]);

function resultOf(child: UnpackProcess, line: string, message: string): UnpackResult {
  const [, size, plain, raw] = /^(\d+) ([0-9a-f]{64}) ([0-9a-f]{64})$/.exec(line) ?? [];
  if (child.exitCode === 0 && size !== undefined) {
    return { sizeBytes: Number(size), diffId: `sha256:${plain}`, inputDigest: `sha256:${raw}` };
  }
  if (child.exitCode === 1) throw new EngineError("invalid", message);
  if (child.exitCode === 2) {
    const errno = /^E[A-Z0-9]+(?=: )/.exec(message)?.[0];
    const kind = errno !== undefined && EXHAUSTED.has(errno) ? "exhausted" : "internal";
    throw new EngineError(kind, `cannot unpack the layer: ${message}`, { details: { errno } });
  }
  const reason = child.signalCode ?? `exit code ${child.exitCode}`;
  throw new EngineError(
    "internal",
    `unpacking the layer ended with ${reason}${message === "" ? "" : `: ${message}`}`,
  );
}

function canceled(signal: AbortSignal): EngineError {
  return new EngineError("canceled", "unpacking the layer was canceled", { cause: signal.reason });
}
