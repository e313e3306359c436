import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { parseImageName } from "../../oci/reference.ts";
import { callWith, collect, testClient } from "./testing/test-client.ts";
import { fail, sha256, TestRegistry } from "./testing/test-registry.ts";

const DATA = randomBytes(100_000);

async function withBlob() {
  const registry = await TestRegistry.start();
  const digest = registry.addBlob("a", DATA);
  return { registry, digest, name: parseImageName(`${registry.host}/a`) };
}

describe("openBlob", () => {
  test.each([
    [0, 0],
    [40_000, 40_000],
    [99_999, 99_999],
    [100_000, 100_000],
    [100_001, 0],
  ])("from %d on begins at %d", async (asked, expected) => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    const blob = await testClient().client.openBlob(name, digest, asked, callWith());
    expect([blob.offsetBytes, blob.totalBytes]).toEqual([expected, DATA.length]);
    expect(await collect(blob.body)).toEqual(DATA.subarray(expected));
  });

  test("a registry without ranges sends all of it", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = (request, response) => {
      if (request.headers.range === undefined) return false;
      response.end(DATA);
      return true;
    };
    const blob = await testClient().client.openBlob(name, digest, 5, callWith());
    expect(blob.offsetBytes).toBe(0);
    expect(await collect(blob.body)).toEqual(DATA);
  });

  test.each(["bytes 0-99999/100000", "bytes 6-99999/100000", "nonsense", undefined])(
    "another range than the one asked for is refused: %p",
    async (range) => {
      const { registry, digest, name } = await withBlob();
      await using _ = registry;
      registry.intercept = (request, response) => {
        if (request.headers.range === undefined) return false;
        response.writeHead(206, range === undefined ? {} : { "Content-Range": range }).end(DATA);
        return true;
      };
      await expect(testClient().client.openBlob(name, digest, 5, callWith())).rejects.toMatchObject({
        kind: "invalid",
      });
    },
  );

  test("what is not there", async () => {
    const { registry, name } = await withBlob();
    await using _ = registry;
    await expect(testClient().client.openBlob(name, sha256("x"), 0, callWith())).rejects.toMatchObject({
      kind: "notFound",
      message: "unknown blob",
    });
    await expect(testClient().client.openBlob(name, "../../x", 0, callWith())).rejects.toMatchObject({
      kind: "invalid",
    });
  });

  test("a transfer that breaks off is unavailable", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response
        .writeHead(200, { "Content-Length": DATA.length })
        .write(DATA.subarray(0, 1000), () => response.destroy());
      return true;
    };
    const blob = await testClient().client.openBlob(name, digest, 0, callWith());
    await expect(collect(blob.body)).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("unexpected EOF"),
    });
  });

  test("a transfer that stalls is unavailable, a reader that takes its time is not", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.writeHead(200, { "Content-Length": DATA.length }).write(DATA.subarray(0, 1000));
      return true;
    };
    const { client } = testClient({ stallTimeoutMs: 30 });
    const blob = await client.openBlob(name, digest, 0, callWith());
    await expect(collect(blob.body)).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("no data for"),
    });
  });

  test("a registry that never answers is unavailable after all attempts", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = (request) => request.url?.includes("blobs");
    const { client, waits } = testClient({ stallTimeoutMs: 20, maxDownloadAttempts: 2 });
    await expect(client.openBlob(name, digest, 0, callWith())).rejects.toMatchObject({
      kind: "unavailable",
      message: expect.stringContaining("Client.Timeout exceeded while awaiting headers"),
    });
    expect(waits).toHaveLength(1);
  });

  test("canceling closes the connection and gives the slot back", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    const closed = Promise.withResolvers<void>();
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs") || request.url.includes("second")) return false;
      response.on("close", () => closed.resolve());
      response.writeHead(200, { "Content-Length": DATA.length }).write(DATA.subarray(0, 1000));
      return true;
    };
    const { client } = testClient({ maxConcurrentDownloads: 1 });
    const abort = new AbortController();
    const blob = await client.openBlob(name, digest, 0, callWith(undefined, abort.signal));
    const reading = collect(blob.body);
    abort.abort();
    await expect(reading).rejects.toMatchObject({ kind: "canceled" });
    await closed.promise;
    registry.intercept = () => false;
    expect(await collect((await client.openBlob(name, digest, 0, callWith())).body)).toEqual(DATA);
  });

  test("leaving early closes the connection and gives the slot back", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    const closed = Promise.withResolvers<void>();
    registry.intercept = (request, response) => {
      if (!request.url?.includes("blobs")) return false;
      response.on("close", () => closed.resolve());
      response.writeHead(200, { "Content-Length": 1e9 }).write(DATA);
      return true;
    };
    const { client } = testClient({ maxConcurrentDownloads: 1 });
    const blob = await client.openBlob(name, digest, 0, callWith());
    for await (const _chunk of blob.body) break;
    await closed.promise;
    registry.intercept = () => false;
    expect(await collect((await client.openBlob(name, digest, 0, callWith())).body)).toEqual(DATA);
  });

  test("no more downloads at one moment than the limit, which a reload can raise", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    const { client, hosts } = testClient({ maxConcurrentDownloads: 1 });
    const first = await client.openBlob(name, digest, 0, callWith());
    const second = client.openBlob(name, digest, 0, callWith());
    hosts.replace({ ...hosts.settings, maxConcurrentDownloads: 2 });
    await second;
    const third = client.openBlob(name, digest, 0, callWith());
    const order: string[] = [];
    const done = third.then(() => order.push("third"));
    await collect(first.body);
    order.push("first ended");
    await done;
    expect(order).toContain("first ended");
    expect(registry.lines).toHaveLength(3);
  });
});

describe("attempts", () => {
  const flaky = (failures: number, status: number, headers: Record<string, string> = {}) => {
    let left = failures;
    return {
      left: () => left,
      intercept: (request: { url?: string }, response: Parameters<typeof fail>[0]) => {
        if (!request.url?.includes("blobs") || left === 0) return false;
        left--;
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
        fail(response, status, "TOOMANYREQUESTS", "slow down");
        return true;
      },
    };
  };

  test("a passing failure is tried again with growing delays", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = flaky(4, 503).intercept;
    const { client, waits } = testClient();
    expect(await collect((await client.openBlob(name, digest, 0, callWith())).body)).toEqual(DATA);
    expect(waits).toEqual([250, 500, 1000, 2000]);
  });

  test("not for ever", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = flaky(99, 503).intercept;
    const { client, waits } = testClient({ maxDownloadAttempts: 3 });
    await expect(client.openBlob(name, digest, 0, callWith())).rejects.toMatchObject({
      kind: "unavailable",
      message: "received unexpected HTTP status: 503 Service Unavailable",
    });
    expect(waits).toHaveLength(2);
  });

  test("Retry-After is honoured", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = flaky(1, 429, { "Retry-After": "7" }).intercept;
    const { client, waits } = testClient();
    await collect((await client.openBlob(name, digest, 0, callWith())).body);
    expect(waits).toEqual([7000]);
  });

  test("a registry that wants an hour is reported at once", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    registry.intercept = flaky(1, 429, { "Retry-After": "3600" }).intercept;
    const { client, waits } = testClient();
    await expect(client.openBlob(name, digest, 0, callWith())).rejects.toMatchObject({
      kind: "exhausted",
      message: "toomanyrequests: slow down",
    });
    expect(waits).toEqual([]);
  });

  test("a broken connection is tried again", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    let left = 2;
    registry.intercept = (request) => {
      if (!request.url?.includes("blobs") || left-- <= 0) return false;
      request.socket.destroy();
      return true;
    };
    // The runtime itself tries once more when the connection had been used before.
    expect(await collect((await testClient().client.openBlob(name, digest, 0, callWith())).body)).toEqual(
      DATA,
    );
    expect(registry.lines).toHaveLength(3);
  });
});

test("headers without end are refused", async () => {
  const { registry, digest, name } = await withBlob();
  await using _ = registry;
  registry.intercept = (request, response) => {
    if (!request.url?.includes("blobs")) return false;
    response.writeHead(200, { "X-Long": "x".repeat(4 << 20) }).end(DATA);
    return true;
  };
  const { client } = testClient({ maxDownloadAttempts: 1 });
  await expect(client.openBlob(name, digest, 0, callWith())).rejects.toMatchObject({ kind: "unavailable" });
});

test("a signal that has aborted already asks nobody", async () => {
  const { registry, digest, name } = await withBlob();
  await using _ = registry;
  const call = callWith(undefined, AbortSignal.abort());
  await expect(testClient().client.openBlob(name, digest, 0, call)).rejects.toMatchObject({
    kind: "canceled",
  });
  expect(registry.lines).toEqual([]);
});

describe("findBlob", () => {
  test("its size, or undefined", async () => {
    const { registry, digest, name } = await withBlob();
    await using _ = registry;
    const { client } = testClient();
    expect(await client.findBlob(name, digest, callWith())).toBe(DATA.length);
    expect(await client.findBlob(name, sha256("x"), callWith())).toBeUndefined();
  });
});
