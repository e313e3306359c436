/** Carries bytes between one client's connection and one attached process. */
import type { Readable, Writable } from "node:stream";
import { DEFAULT_DETACH_KEYS, DetachScanner, parseDetachKeys } from "../api/detach-keys.ts";
import { encodeFrame } from "../api/stream-frames.ts";
import { EngineError } from "../base/errors.ts";
import type { AttachedClient } from "./containers-backend.ts";
import type { MessageConnection, TakenConnection } from "./exchange.ts";

/** Input that the process has not taken yet; beyond it the client has to wait. */
const MAX_PENDING_INPUT_BYTES = 256 * 1024;
/** How long a client may keep its half open after the output has ended. */
const LINGER_MS = 10_000;

export interface AttachmentOptions {
  /** Whether stdout and stderr are told apart by frames. */
  readonly framed: boolean;
  /** Without it what the client sends is thrown away. */
  readonly stdin: boolean;
  /** Undefined: Docker's own. Only a terminal is looked through for them. */
  readonly detachKeys: readonly number[] | undefined;
}

/** Throws invalid in Docker's words; undefined for an empty text. */
export function detachKeysOf(text: string): readonly number[] | undefined {
  if (text === "") return undefined;
  try {
    return parseDetachKeys(text);
  } catch (cause) {
    throw new EngineError("invalid", `Invalid detach keys (${text}) provided`, { cause });
  }
}

/**
 * Runs until the output has ended or the client has gone, then closes both. `signal` ends it early. Never throws: whatever
 * breaks here breaks this one attachment.
 */
export async function serveAttachment(
  connection: TakenConnection,
  client: AttachedClient,
  options: AttachmentOptions,
  signal: AbortSignal,
): Promise<void> {
  const { input, output } = connection;
  const leave = () => client.close();
  output.on("error", leave);
  output.on("close", leave);
  input?.on("error", leave);
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted || output.destroyed) leave();
  const feed = input === undefined ? undefined : new InputFeed(input, client, options);
  try {
    for await (const { stream, data } of client.output) {
      const bytes = options.framed ? encodeFrame(stream, data) : data;
      if (!output.write(bytes)) await drained(output);
      if (output.destroyed) break;
    }
  } catch {
    // The process's side broke: for the client that is the end of the output.
  } finally {
    feed?.discard();
    client.close();
    signal.removeEventListener("abort", leave);
    finish(input, output);
  }
}

/** The same over a WebSocket, whose messages are never framed. A message from the client is input as it is. */
export async function serveMessages(
  connection: MessageConnection,
  client: AttachedClient,
  options: { readonly stdin: boolean; readonly binary: boolean; detachKeys: readonly number[] | undefined },
  signal: AbortSignal,
): Promise<void> {
  const leave = () => client.close();
  connection.onClose(leave);
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  const scanner = scannerFor(client, options.detachKeys);
  connection.onMessage(async (data) => {
    if (!options.stdin) return;
    const { passed, detached } =
      scanner === undefined ? { passed: data, detached: false } : scanner.push(data);
    if (passed.length > 0) await client.write(passed);
    if (!detached) return;
    client.detached();
    client.close();
  });
  try {
    for await (const { data } of client.output) await connection.send(data, options.binary);
  } catch {
    // As above: the end of the output.
  } finally {
    client.close();
    signal.removeEventListener("abort", leave);
    connection.close();
  }
}

function scannerFor(client: AttachedClient, keys: readonly number[] | undefined): DetachScanner | undefined {
  return client.tty ? new DetachScanner(keys ?? DEFAULT_DETACH_KEYS) : undefined;
}

/** Feeds a process from a connection, one write after the other. */
class InputFeed {
  readonly #client: AttachedClient;
  readonly #input: Readable;
  readonly #scanner: DetachScanner | undefined;
  #tail: Promise<void> = Promise.resolve();
  #pendingBytes = 0;
  #discarding: boolean;

  constructor(input: Readable, client: AttachedClient, options: AttachmentOptions) {
    this.#client = client;
    this.#input = input;
    this.#scanner = scannerFor(client, options.detachKeys);
    this.#discarding = !options.stdin;
    input.on("data", (chunk: Uint8Array) => this.#take(chunk));
    input.on("end", () => this.#end());
  }

  /** From now on input is read and thrown away, so that a client that still writes is not stuck. */
  discard(): void {
    this.#discarding = true;
    this.#input.resume();
  }

  #take(chunk: Uint8Array): void {
    if (this.#discarding) return;
    if (this.#scanner === undefined) {
      this.#forward(chunk);
      return;
    }
    const { passed, detached } = this.#scanner.push(chunk);
    if (passed.length > 0) this.#forward(passed);
    if (!detached) return;
    this.discard();
    this.#append(async () => {
      this.#client.detached();
      this.#client.close();
    });
  }

  #end(): void {
    if (this.#discarding) return;
    const held = this.#scanner?.flush();
    if (held !== undefined && held.length > 0) this.#forward(held);
    this.#append(async () => this.#client.endInput());
  }

  #forward(bytes: Uint8Array): void {
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= MAX_PENDING_INPUT_BYTES) this.#input.pause();
    this.#append(async () => {
      await this.#client.write(bytes);
      this.#pendingBytes -= bytes.length;
      if (this.#pendingBytes < MAX_PENDING_INPUT_BYTES) this.#input.resume();
    });
  }

  /** A process that takes no more input is no reason to stop its output. */
  #append(step: () => Promise<void>): void {
    this.#tail = this.#tail.then(step).catch(() => this.discard());
  }
}

/**
 * Ends our half. What the client still sends is read, because closing a Unix socket with unread data makes its reader
 * see a reset instead of the end of the stream (unix_release_sock in Linux).
 */
function finish(input: Readable | undefined, output: Writable): void {
  if (output.destroyed) return;
  const linger = setTimeout(() => output.destroy(), LINGER_MS);
  linger.unref();
  output.on("close", () => clearTimeout(linger));
  if (input === undefined || input.readableEnded) output.end();
  else output.end(() => input.on("end", () => output.destroy()));
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off("drain", done);
      output.off("close", done);
      resolve();
    };
    output.on("drain", done);
    output.on("close", done);
    if (output.destroyed) done();
  });
}
