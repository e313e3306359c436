/** SIGKILL in the middle of work, and what the next process makes of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  createReadStream,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { sha256 } from "../../../src/host/hashing.ts";
import { writeTar } from "../../../src/oci/tar-writer.ts";
import { ContentStore } from "../../../src/store/content/content-store.ts";
import { dockerArchive, file, layerTar } from "../../../src/store/testing/image-archives.ts";
import { until } from "../../support/until.ts";
import { StoreFixture } from "./store-fixture.ts";

const ROUNDS = Number(process.env.BERTH_FUZZ_ROUNDS ?? "12");
const never = new AbortController().signal;
let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "berth-crash-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Resolves when the process has said that it began. */
async function begin(...args: readonly string[]) {
  const command = [process.execPath, join(import.meta.dir, "working-process.ts"), ...args];
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("begun\n");
  return child;
}

async function kill(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGKILL");
  await child.exited;
  // Not one that ended by itself: then nothing was tested.
  expect(child.signalCode).toBe("SIGKILL");
}

/** Of all processes. */
function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8");
      } catch {
        return "";
      }
    });
}

describe("a download", () => {
  const bytes = new Uint8Array(24 << 20).map((_, at) => at ^ (at >> 7) ^ (at >> 15));
  const digest = `sha256:${sha256(bytes)}`;

  test("that was killed goes on where it was, and downloads only what was missing", async () => {
    const asked: number[] = [];
    const half = bytes.length / 2;
    // Answers the first request with half of the blob and then nothing more.
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        const offset = Number(/^bytes=(\d+)-$/.exec(request.headers.get("Range") ?? "")?.[1]);
        asked.push(offset);
        if (asked.length > 1) return new Response(bytes.subarray(offset), { status: 206 });
        const body = new ReadableStream({
          start: (controller) => controller.enqueue(bytes.subarray(0, half)),
        });
        return new Response(body, { status: 206 });
      },
    });
    const root = join(directory, "content");
    const child = await begin("fetch", root, digest, String(server.url));
    const partial = join(root, "partial", digest.slice(7));
    const size = () => statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
    // The last megabyte may be in memory still.
    await until("half of it is there", () => size() >= half - (1 << 20));
    await kill(child);
    const kept = size();

    const store = await ContentStore.open(root);
    await store.sweep(() => false);
    let received = 0;
    await store.fetch(digest, {
      maxBytes: 1 << 30,
      signal: never,
      open: async (offsetBytes) => {
        const response = await fetch(server.url, { headers: { Range: `bytes=${offsetBytes}-` } });
        const body = (async function* () {
          for await (const chunk of response.body ?? []) {
            received += chunk.length;
            yield chunk;
          }
        })();
        return { offsetBytes, totalBytes: bytes.length, body };
      },
    });
    expect(asked).toEqual([0, kept]);
    expect(received).toBe(bytes.length - kept);
    expect(sha256(readFileSync(store.path(digest)))).toBe(digest.slice(7));
  }, 30_000);
});

describe("a load", () => {
  /** Two images that share a layer; enough files and bytes that every step takes its time. */
  function makeArchive(): string {
    const files = Array.from({ length: 400 }, (_, index) =>
      file(`dir${index % 20}/file${index}`, new Uint8Array(2000 + index * 7).fill(index)),
    );
    const base = writeTar([...files, file("large", crypto.getRandomValues(new Uint8Array(3 << 20)))]);
    const layers = [base, layerTar({ "etc/one": "1" }), layerTar({ "etc/two": "2" })];
    const images = [
      { layers: layers.slice(0, 2), tags: ["crash:one"] },
      { layers: [base, ...layers.slice(2)], tags: ["crash:two"] },
    ];
    const path = join(directory, "archive.tar");
    const pack = (layer: Uint8Array) => (layer === base ? layer : new Uint8Array(gzipSync(layer)));
    writeFileSync(path, dockerArchive(images, pack));
    return path;
  }

  test(`killed at ${ROUNDS} moments leaves rows and files that fit together, and the next one works`, async () => {
    const archive = makeArchive();
    const root = mkdtempSync(join(directory, "store-"));
    for (let round = 0; round < ROUNDS; round++) {
      const child = await begin("load", root, archive);
      await Bun.sleep(Math.random() * 250);
      await kill(child);
      await until("its helpers have ended", () => !commandLines().some((line) => line.includes(root)));
      const fixture = await StoreFixture.open(root);
      await fixture.store.layers.settled();
      expect(fixture.faults()).toEqual([]);
      await fixture.close();
    }
    await using fixture = await StoreFixture.open(root);
    const options = { quiet: true, platform: undefined };
    const messages = await Array.fromAsync(fixture.service.load(createReadStream(archive), options, never));
    expect(messages.map(({ stream }) => stream)).toEqual([
      "Loaded image: crash:one\n",
      "Loaded image: crash:two\n",
    ]);
    expect(fixture.faults()).toEqual([]);
    for (const name of ["crash:one", "crash:two"])
      await fixture.service.remove(name, { force: true, noPrune: false });
    await fixture.store.close();
    expect(fixture.faults()).toEqual([]);
  }, 120_000);
});
