import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import { sha256 } from "../../host/hashing.ts";
import type { BlobDownload, FetchOptions } from "./blob-transfer.ts";
import { ContentStore } from "./content-store.ts";

const bytes = new Uint8Array(100_000).map((_, at) => (at * 7) ^ (at >> 8));
const hex = sha256(bytes);
const digest = `sha256:${hex}`;
const unavailable = () => new EngineError("unavailable", "connection reset");

async function open() {
  const root = await mkdtemp(join(tmpdir(), "berth-fetch-"));
  const store = await ContentStore.open(root);
  return {
    root,
    store,
    partial: join(root, "partial", hex),
    blob: join(root, "blobs", "sha256", hex),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** A server of `content` that breaks off after `breakAfter` bytes of each answer, for as many answers as are listed. */
class Server {
  readonly offsets: number[] = [];
  sent = 0;
  private readonly firstTaken = Promise.withResolvers<void>();
  /** Resolves when the first piece was taken and the next is asked for. */
  readonly taken = this.firstTaken.promise;

  constructor(
    private readonly how: {
      content?: Uint8Array;
      breakAfter?: number[];
      ranges?: boolean;
      total?: number | undefined;
      gate?: Promise<void>;
    } = {},
  ) {}

  readonly open = async (offset: number, signal: AbortSignal): Promise<BlobDownload> => {
    this.offsets.push(offset);
    const { content = bytes, breakAfter = [], ranges = true } = this.how;
    const offsetBytes = ranges ? offset : 0;
    const limit = breakAfter[this.offsets.length - 1];
    const totalBytes = "total" in this.how ? this.how.total : content.length;
    return { offsetBytes, totalBytes, body: this.body(content.subarray(offsetBytes), limit, signal) };
  };

  private async *body(rest: Uint8Array, limit: number | undefined, signal: AbortSignal) {
    for (let at = 0; at < rest.length; at += 7000) {
      if (limit !== undefined && at >= limit) throw unavailable();
      if (at > 0) this.firstTaken.resolve();
      if (at > 0) await this.how.gate;
      signal.throwIfAborted();
      const chunk = rest.subarray(at, at + 7000);
      this.sent += chunk.length;
      yield chunk;
    }
  }
}

function asking(server: Pick<Server, "open">, more: Partial<FetchOptions> = {}): FetchOptions {
  return { maxBytes: 1 << 20, signal: new AbortController().signal, open: server.open, ...more };
}

describe("fetch", () => {
  test("downloads once, tells how far it is, and keeps the blob", async () => {
    await using context = await open();
    const server = new Server();
    const told: [number, number | undefined][] = [];
    const options = asking(server, { sizeBytes: bytes.length, onProgress: (...args) => told.push(args) });
    expect(await context.store.fetch(digest, options)).toEqual({ sizeBytes: bytes.length });
    expect(await context.store.fetch(digest, options)).toEqual({ sizeBytes: bytes.length });
    expect(server.offsets).toEqual([0]);
    expect(told.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(new Uint8Array(readFileSync(context.blob))).toEqual(bytes);
  });

  test("goes on where a failed attempt has ended", async () => {
    await using context = await open();
    const broken = async (offset: number) => ({
      offsetBytes: offset,
      totalBytes: bytes.length,
      body: (async function* () {
        yield bytes.subarray(0, 30_000);
        throw new EngineError("denied", "token expired");
      })(),
    });
    await expect(context.store.fetch(digest, asking({ open: broken }))).rejects.toMatchObject({
      kind: "denied",
    });
    expect(existsSync(context.blob)).toBe(false);
    const server = new Server();
    const told: number[] = [];
    await context.store.fetch(digest, asking(server, { onProgress: (current) => told.push(current) }));
    expect(server.offsets).toEqual([30_000]);
    expect(told[0]).toBeGreaterThan(30_000);
    expect(server.sent).toBe(70_000);
  });

  test("opens again at the same place when the connection breaks, as long as bytes arrive", async () => {
    await using context = await open();
    const server = new Server({ breakAfter: [14_000, 7000, 7000, 7000, 7000, 7000, 7000] });
    await context.store.fetch(digest, asking(server));
    expect(server.offsets).toEqual([0, 14_000, 21_000, 28_000, 35_000, 42_000, 49_000, 56_000]);
    expect(server.sent).toBe(bytes.length);
  });

  test("gives up after five breaks without a byte", async () => {
    await using context = await open();
    const server = new Server({ breakAfter: [14_000, 0, 0, 0, 0, 0, 0, 0] });
    await expect(context.store.fetch(digest, asking(server))).rejects.toMatchObject({ kind: "unavailable" });
    expect(server.offsets).toEqual([0, 14_000, 14_000, 14_000, 14_000, 14_000]);
    expect(readFileSync(context.partial)).toHaveLength(14_000);
  });

  test("a server without ranges sends all again, and what is there is skipped", async () => {
    await using context = await open();
    const server = new Server({ breakAfter: [14_000], ranges: false });
    await context.store.fetch(digest, asking(server));
    expect(server.offsets).toEqual([0, 14_000]);
    expect(await context.store.has(digest)).toBe(true);
  });

  test("an answer that ends early is a break", async () => {
    await using context = await open();
    const short = new Server({ content: bytes.subarray(0, 50_000), total: undefined });
    const options = asking(short, { sizeBytes: bytes.length });
    await expect(context.store.fetch(digest, options)).rejects.toMatchObject({ kind: "unavailable" });
    expect(short.offsets[1]).toBe(50_000);
  });
});

describe("what is wrong", () => {
  test("other bytes leave nothing", async () => {
    await using context = await open();
    const server = new Server({ content: bytes.slice().fill(1) });
    await expect(context.store.fetch(digest, asking(server))).rejects.toMatchObject({
      kind: "dataLoss",
      message: expect.stringContaining("wrong digest"),
    });
    expect(server.offsets).toEqual([0]);
    expect(existsSync(context.partial)).toBe(false);
    expect(existsSync(context.blob)).toBe(false);
  });

  test("a beginning that is not the blob's is downloaded anew", async () => {
    await using context = await open();
    writeFileSync(context.partial, new Uint8Array(40_000).fill(9));
    const server = new Server();
    await context.store.fetch(digest, asking(server));
    expect(server.offsets).toEqual([40_000, 0]);
    expect(new Uint8Array(readFileSync(context.blob))).toEqual(bytes);
  });

  test("a beginning that is too long is no beginning", async () => {
    await using context = await open();
    writeFileSync(context.partial, new Uint8Array(200_000));
    const server = new Server();
    await context.store.fetch(digest, asking(server, { sizeBytes: bytes.length }));
    expect(server.offsets).toEqual([0]);
  });

  const refused: [string, Partial<FetchOptions>, object][] = [
    ["more than allowed, announced", { maxBytes: 99_999 }, { kind: "exhausted" }],
    ["another size than the manifest says", { sizeBytes: 5 }, { kind: "dataLoss" }],
  ];
  test.each(refused)("%s", async (_, more, error) => {
    await using context = await open();
    await expect(context.store.fetch(digest, asking(new Server(), more))).rejects.toMatchObject(error);
    expect(existsSync(context.blob)).toBe(false);
  });

  test("more than allowed, not announced", async () => {
    await using context = await open();
    const server = new Server({ total: undefined });
    await expect(context.store.fetch(digest, asking(server, { maxBytes: 50_000 }))).rejects.toMatchObject({
      kind: "exhausted",
    });
    expect(server.sent).toBeLessThan(60_000);
  });

  test("a server that begins too late", async () => {
    await using context = await open();
    const late = async () => ({ offsetBytes: 1, totalBytes: bytes.length, body: (async function* () {})() });
    await expect(context.store.fetch(digest, asking({ open: late }))).rejects.toMatchObject({
      kind: "invalid",
    });
  });

  test("a digest is never a path", async () => {
    await using context = await open();
    await expect(context.store.fetch("sha256:../x", asking(new Server()))).rejects.toMatchObject({
      kind: "invalid",
    });
  });
});

describe("several who want one blob", () => {
  test("share a download, and each sees it move", async () => {
    await using context = await open();
    const server = new Server();
    const last = [0, 0, 0];
    await Promise.all(
      last.map((_, index) =>
        context.store.fetch(
          digest,
          asking(server, {
            onProgress: (current) => {
              last[index] = current;
            },
          }),
        ),
      ),
    );
    expect(server.offsets).toEqual([0]);
    expect(last).toEqual([bytes.length, bytes.length, bytes.length]);
  });

  test("one leaves, the others get it; when all have left it stops and keeps what it has", async () => {
    await using context = await open();
    const gate = Promise.withResolvers<void>();
    const server = new Server({ gate: gate.promise });
    const [first, second] = [new AbortController(), new AbortController()];
    const one = context.store.fetch(digest, asking(server, { signal: first.signal }));
    const two = context.store.fetch(digest, asking(server, { signal: second.signal }));
    await server.taken;
    first.abort();
    await expect(one).rejects.toMatchObject({ kind: "canceled" });
    second.abort();
    await expect(two).rejects.toMatchObject({ kind: "canceled" });
    gate.resolve();
    const third = new Server();
    await context.store.fetch(digest, asking(third));
    expect(third.offsets).toEqual([7000]);

    await context.store.remove(digest);
    await context.store.settle([digest]);
    const gate2 = Promise.withResolvers<void>();
    const slow = new Server({ gate: gate2.promise });
    const leaver = new AbortController();
    const left = context.store.fetch(digest, asking(slow, { signal: leaver.signal }));
    const stayed = context.store.fetch(digest, asking(slow));
    await slow.taken;
    leaver.abort();
    gate2.resolve();
    await expect(left).rejects.toMatchObject({ kind: "canceled" });
    expect(await stayed).toEqual({ sizeBytes: bytes.length });
    expect(slow.offsets).toEqual([0]);
  });

  test("the failure of one's own credentials is one's own", async () => {
    await using context = await open();
    const server = new Server();
    const [asked, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()];
    const denied = () => {
      asked.resolve();
      return answer.promise;
    };
    const mine = context.store.fetch(digest, asking({ open: denied }));
    await asked.promise;
    const theirs = context.store.fetch(digest, asking(server));
    answer.reject(new EngineError("denied", "not yours"));
    await expect(mine).rejects.toMatchObject({ kind: "denied" });
    expect(await theirs).toEqual({ sizeBytes: bytes.length });
  });

  test("an aborted signal downloads nothing", async () => {
    await using context = await open();
    const server = new Server();
    const options = asking(server, { signal: AbortSignal.abort() });
    await expect(context.store.fetch(digest, options)).rejects.toMatchObject({ name: "AbortError" });
    expect(server.offsets).toEqual([]);
  });
});

describe("after the process has ended", () => {
  test("a whole download that no record names is taken up again without the server", async () => {
    await using context = await open();
    await context.store.fetch(digest, asking(new Server()));
    const again = await ContentStore.open(context.root);
    await again.sweep(() => false);
    expect(existsSync(context.blob)).toBe(false);
    const server = new Server();
    expect(await again.fetch(digest, asking(server))).toEqual({ sizeBytes: bytes.length });
    expect(server.offsets).toEqual([]);
  });

  test("a recorded one has no second name, nor after a crash between the two", async () => {
    await using context = await open();
    await context.store.fetch(digest, asking(new Server()));
    const again = await ContentStore.open(context.root);
    await again.sweep(() => true);
    expect(readdirSync(join(context.root, "partial"))).toEqual([]);
    expect(existsSync(context.blob)).toBe(true);
  });

  test("beginnings go after a week, and what is no digest is left alone", async () => {
    await using context = await open();
    writeFileSync(context.partial, "old");
    const young = join(context.root, "partial", "0".repeat(64));
    writeFileSync(young, "young");
    const eightDaysAgo = Date.now() / 1000 - 8 * 24 * 3600;
    utimesSync(context.partial, eightDaysAgo, eightDaysAgo);
    await context.store.sweep(() => false);
    expect(readdirSync(join(context.root, "partial"))).toEqual(["0".repeat(64)]);
    expect(await context.store.removePartial(`sha256:${"0".repeat(64)}`)).toBe(true);
    expect(existsSync(young)).toBe(false);
  });
});
