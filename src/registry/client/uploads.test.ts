import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { parseImageName } from "../../oci/reference.ts";
import type { BlobToPush, PushedBlob } from "./registry-client.ts";
import { callWith, testClient } from "./testing/test-client.ts";
import { fail, sha256, TestRegistry } from "./testing/test-registry.ts";
import { TokenServer } from "./testing/token-server.ts";

const DATA = randomBytes(300_000);
const DIGEST = sha256(DATA);
const PIECE = 50_000;

/** `opened`: the offsets from which it was read. */
function blobOf(options: { known: boolean; mountFrom?: string[]; data?: Buffer }) {
  const data = options.data ?? DATA;
  const opened: number[] = [];
  const progress: number[] = [];
  const blob: BlobToPush = {
    mediaType: "x/y",
    ...(options.known ? { known: { digest: DIGEST, sizeBytes: DATA.length } } : {}),
    mountFrom: options.mountFrom ?? [],
    onProgress: (sentBytes) => progress.push(sentBytes),
    async *open(offsetBytes) {
      opened.push(offsetBytes);
      for (let at = offsetBytes; at < data.length; at += PIECE) yield data.subarray(at, at + PIECE);
    },
  };
  return { blob, opened, progress };
}

const done = (how: PushedBlob["how"]): PushedBlob => ({ digest: DIGEST, sizeBytes: DATA.length, how });

describe("pushBlob", () => {
  test.each([true, false])("digest known beforehand: %p", async (known) => {
    await using registry = await TestRegistry.start();
    const { blob, progress } = blobOf({ known });
    const pushed = await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith());
    expect(pushed).toEqual(done("uploaded"));
    expect(registry.blobs.get(`a@${DIGEST}`)).toEqual(DATA);
    expect(progress.at(-1)).toBe(DATA.length);
    expect(registry.lines).toEqual([
      ...(known ? [`HEAD /v2/a/blobs/${DIGEST}`] : []),
      "POST /v2/a/blobs/uploads/",
      "PATCH /v2/a/blobs/uploads/upload-1?_state=a%2Bb~",
      `PUT /v2/a/blobs/uploads/upload-1?_state=a%2Bb~&digest=${encodeURIComponent(DIGEST)}`,
    ]);
  });

  test("an empty blob", async () => {
    await using registry = await TestRegistry.start();
    const { blob } = blobOf({ known: false, data: Buffer.alloc(0) });
    const pushed = await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith());
    expect(pushed).toEqual({ digest: sha256(""), sizeBytes: 0, how: "uploaded" });
  });

  test("what is there already is not sent", async () => {
    await using registry = await TestRegistry.start();
    registry.addBlob("a", DATA);
    const { blob, opened } = blobOf({ known: true, mountFrom: ["b"] });
    expect(
      await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).toEqual(done("exists"));
    expect(opened).toEqual([]);
  });

  test("what another repository has is mounted, whatever the first candidates say", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (!request.url?.includes("from=forbidden")) return false;
      fail(response, 403, "DENIED", "no");
      return true;
    });
    registry.addBlob("c", DATA);
    const { blob, opened } = blobOf({ known: true, mountFrom: ["a", "b", "forbidden", "c"] });
    expect(
      await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).toEqual(done({ mountedFrom: "c" }));
    expect(opened).toEqual([]);
    expect(registry.uploads.size).toBe(0);
  });

  test("a mount that fails continues as an upload", async () => {
    await using registry = await TestRegistry.start();
    const { blob } = blobOf({ known: true, mountFrom: ["b"] });
    expect(
      await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).toEqual(done("uploaded"));
    expect(registry.lines.filter((line) => line.startsWith("POST"))).toHaveLength(1);
  });

  test("scopes: push for the repository, pull for the source of a mount", async () => {
    const tokens = new TokenServer({ realm: "http://auth.example/token" });
    await using registry = await TestRegistry.start(tokens.intercept);
    const { client } = testClient({}, { "http://auth.example": registry.url });
    await client.pushBlob(
      parseImageName(`${registry.host}/a`),
      blobOf({ known: true, mountFrom: ["b"] }).blob,
      callWith(),
    );
    expect(tokens.asked.map(({ scopes }) => scopes)).toEqual([
      ["repository:a:pull,push"],
      ["repository:a:pull,push", "repository:b:pull"],
    ]);
  });

  test("other bytes than the digest says are refused by the registry", async () => {
    await using registry = await TestRegistry.start();
    const { blob } = blobOf({ known: true, data: randomBytes(DATA.length) });
    await expect(
      testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).rejects.toMatchObject({ kind: "dataLoss" });
  });

  test("a stream that is shorter than announced is no reason to ask the registry again", async () => {
    await using registry = await TestRegistry.start();
    const { client, waits } = testClient();
    const { blob } = blobOf({ known: true, data: DATA.subarray(0, 1000) });
    await expect(
      client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).rejects.toMatchObject({
      kind: "dataLoss",
      message: `blob ${DIGEST} has 1000 bytes, not 300000`,
    });
    expect(waits).toEqual([]);
  });

  test("a stream that fails ends the push with its own error", async () => {
    await using registry = await TestRegistry.start();
    const { client, waits } = testClient();
    const blob: BlobToPush = {
      ...blobOf({ known: false }).blob,
      async *open() {
        yield DATA;
        throw new Error("the layer cannot be read");
      },
    };
    await expect(client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith())).rejects.toThrow(
      "the layer cannot be read",
    );
    expect(waits).toEqual([]);
  });
});

/** Cuts the connection once, after `bytes` of the first upload have been stored. */
function cutting(registry: TestRegistry, bytes: number): void {
  let cut = false;
  registry.intercept = async (request, _response) => {
    if (cut || request.method !== "PATCH") return false;
    cut = true;
    const upload = registry.uploads.get("upload-1");
    const { socket } = request;
    for await (const chunk of request) {
      if (upload === undefined) break;
      upload.bytes = Buffer.concat([upload.bytes, chunk as Buffer]).subarray(0, bytes);
      if (upload.bytes.length === bytes) break;
    }
    socket.destroy();
    return true;
  };
}

describe("resumed uploads", () => {
  test.each([true, false])("go on where the registry is; digest known beforehand: %p", async (known) => {
    await using registry = await TestRegistry.start();
    cutting(registry, 120_000);
    const { blob, opened, progress } = blobOf({ known });
    const { client, waits } = testClient();
    expect(await client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith())).toEqual(
      done("uploaded"),
    );
    expect(opened).toEqual([0, 120_000]);
    expect(registry.blobs.get(`a@${DIGEST}`)).toEqual(DATA);
    expect(progress.at(-1)).toBe(DATA.length);
    expect(waits).toHaveLength(1);
    const continued = registry.seen.findLast(({ method }) => method === "PATCH");
    if (known) expect(continued?.headers["content-range"]).toBe("120000-299999");
  });

  test("begin anew where the registry has lost them", async () => {
    await using registry = await TestRegistry.start();
    cutting(registry, 120_000);
    const inner = registry.intercept;
    registry.intercept = async (request, response) => {
      if (request.method === "GET" && request.url?.includes("uploads")) registry.uploads.clear();
      return inner(request, response);
    };
    const { blob, opened } = blobOf({ known: false });
    expect(
      await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).toEqual(done("uploaded"));
    expect(opened).toEqual([0, 0]);
  });

  test("end after all attempts", async () => {
    await using registry = await TestRegistry.start((request, response) => {
      if (request.method !== "PATCH") return false;
      request.resume();
      fail(response, 503, "UNAVAILABLE", "");
      return true;
    });
    const { client, waits } = testClient({ maxDownloadAttempts: 3 });
    await expect(
      client.pushBlob(parseImageName(`${registry.host}/a`), blobOf({ known: true }).blob, callWith()),
    ).rejects.toMatchObject({ kind: "unavailable" });
    expect(waits).toHaveLength(2);
  });

  test("a registry that stops reading has stalled", async () => {
    await using registry = await TestRegistry.start((request) => {
      if (request.method !== "PATCH") return false;
      request.pause();
      return true;
    });
    const { client } = testClient({ stallTimeoutMs: 50, maxDownloadAttempts: 1 });
    const piece = new Uint8Array(1 << 20);
    let sentBytes = 0;
    const blob: BlobToPush = {
      mediaType: "x/y",
      mountFrom: [],
      onProgress: (bytes) => {
        sentBytes = bytes;
      },
      async *open() {
        for (let at = 0; at < 256; at++) yield piece;
      },
    };
    await expect(
      client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).rejects.toMatchObject({
      kind: "unavailable",
    });
    expect(sentBytes).toBeLessThan(128 << 20);
  });

  test("canceling ends the push and its stream", async () => {
    const reached = Promise.withResolvers<void>();
    await using registry = await TestRegistry.start((request) => {
      if (request.method !== "PATCH") return false;
      request.once("data", () => reached.resolve());
      return true;
    });
    const abort = new AbortController();
    let ended = false;
    const blob: BlobToPush = {
      ...blobOf({ known: false }).blob,
      async *open() {
        try {
          for (;;) yield DATA;
        } finally {
          ended = true;
        }
      },
    };
    const pushing = testClient().client.pushBlob(
      parseImageName(`${registry.host}/a`),
      blob,
      callWith(undefined, abort.signal),
    );
    await reached.promise;
    abort.abort();
    await expect(pushing).rejects.toMatchObject({ kind: "canceled" });
    expect(ended).toBe(true);
  });

  test("an answer that was lost after the deed is no failure", async () => {
    await using registry = await TestRegistry.start();
    registry.intercept = (request) => {
      if (request.method !== "PUT") return false;
      registry.uploads.clear();
      registry.addBlob("a", DATA);
      request.socket.destroy();
      return true;
    };
    const { blob, opened } = blobOf({ known: true });
    expect(
      await testClient().client.pushBlob(parseImageName(`${registry.host}/a`), blob, callWith()),
    ).toEqual(done("uploaded"));
    expect(opened).toEqual([0]);
  });
});

describe("where uploads go", () => {
  const withLocation = (location: (host: string) => string) =>
    TestRegistry.start((request, response) => {
      if (request.method !== "POST") return false;
      response.writeHead(202, { Location: location(request.headers.host ?? "") }).end();
      return true;
    });

  test("plain http of the same host becomes https again", async () => {
    await using registry = await withLocation(() => "http://registry.example/v2/a/blobs/uploads/upload-1");
    registry.uploads.set("upload-1", { repository: "a", bytes: Buffer.alloc(0) });
    const { client } = testClient({}, { "https://registry.example": registry.url });
    const pushed = await client.pushBlob(
      parseImageName("registry.example/a"),
      blobOf({ known: true }).blob,
      callWith(),
    );
    expect(pushed.how).toBe("uploaded");
  });

  test("nothing goes to another host in plain text, to a file, or nowhere", async () => {
    const cases = [
      ["http://evil.example/x", "denied"],
      ["file:///x", "invalid"],
    ] as const;
    for (const [location, kind] of cases) {
      await using registry = await withLocation(() => location);
      const { client } = testClient({}, { "https://registry.example": registry.url });
      await expect(
        client.pushBlob(parseImageName("registry.example/a"), blobOf({ known: true }).blob, callWith()),
      ).rejects.toMatchObject({ kind });
    }
  });
});
