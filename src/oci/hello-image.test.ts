import { describe, expect, test } from "bun:test";
import { buildHelloImage } from "./hello-image.ts";
import { parseImageConfig } from "./image-config.ts";
import { parseArchiveManifest } from "./manifest.ts";
import { readTar } from "./tar-reader.ts";

/** As much of an ELF file as anybody looks at here. */
function program(machine: number): Uint8Array {
  const bytes = new Uint8Array(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46]);
  bytes[18] = machine;
  return bytes;
}

async function filesOf(archive: Uint8Array): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  async function* once() {
    yield archive;
  }
  for await (const entry of readTar(once(), { maxEntries: 10, maxEntryBytes: 1 << 20 })) {
    const parts: Uint8Array[] = [];
    for await (const piece of entry.body) parts.push(piece.slice());
    files.set(entry.name, new Uint8Array(Buffer.concat(parts)));
  }
  return files;
}

describe("buildHelloImage", () => {
  test("is a docker-archive whose digests are right", async () => {
    const files = await filesOf(await buildHelloImage(program(62)));
    const [image] = parseArchiveManifest(files.get("manifest.json") ?? new Uint8Array(0));
    expect(image?.repoTags).toEqual(["hello-world:latest"]);
    const config = parseImageConfig(files.get(image?.config ?? "") ?? new Uint8Array(0));
    const layer = files.get(image?.layers[0] ?? "") ?? new Uint8Array(0);
    const hash = new Bun.CryptoHasher("sha256").update(layer).digest("hex");
    expect(config.rootfs.diff_ids).toEqual([`sha256:${hash}`]);
    expect(config).toMatchObject({ os: "linux", architecture: "amd64", config: { Cmd: ["/hello"] } });
    expect([...(await filesOf(layer)).keys()]).toEqual(["hello"]);
  });

  test("gives the same bytes every time", async () => {
    expect(await buildHelloImage(program(183))).toEqual(await buildHelloImage(program(183)));
  });

  test("refuses what is no program", async () => {
    await expect(buildHelloImage(program(3))).rejects.toThrow("no ELF file");
    await expect(buildHelloImage(new Uint8Array(0))).rejects.toThrow("no ELF file");
  });
});
