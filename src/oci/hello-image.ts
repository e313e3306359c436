import { EngineError } from "../base/errors.ts";
import { writeTar } from "./tar-writer.ts";

export const HELLO_IMAGE_NAME = "hello-world:latest";

/** A fixed time keeps the image's id the same on every machine and in every build with the same program. */
const CREATED = "2025-01-01T00:00:00Z";
const GO_ARCHITECTURE = new Map([
  [62, "amd64"],
  [183, "arm64"],
]);
const encoder = new TextEncoder();

/**
 * The image of a first run without a registry: one layer with one static program, `/hello`, as a docker-archive that
 * `POST /images/load` takes. Deterministic: the same program gives the same bytes and the same image id.
 * Throws invalid when `program` is no ELF file for a machine that has a name here.
 */
export async function buildHelloImage(program: Uint8Array): Promise<Uint8Array> {
  const architecture = architectureOf(program);
  const layer = writeTar([{ name: "hello", data: program, mode: 0o755 }]);
  const layerHex = await sha256Hex(layer);
  const config = encoder.encode(
    JSON.stringify({
      architecture,
      os: "linux",
      created: CREATED,
      config: {
        Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        Cmd: ["/hello"],
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: [`sha256:${layerHex}`] },
      history: [
        { created: CREATED, created_by: "COPY hello / # berth" },
        { created: CREATED, created_by: 'CMD ["/hello"]', empty_layer: true },
      ],
    }),
  );
  const configName = `${await sha256Hex(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: [HELLO_IMAGE_NAME], Layers: [`${layerHex}.tar`] }];
  return writeTar([
    { name: configName, data: config, mode: 0o644 },
    { name: `${layerHex}.tar`, data: layer, mode: 0o644 },
    { name: "manifest.json", data: encoder.encode(JSON.stringify(manifest)), mode: 0o644 },
  ]);
}

/** From the ELF header's e_machine (elf(5)): pure code does not ask the machine. */
function architectureOf(program: Uint8Array): string {
  const isElf = [0x7f, 0x45, 0x4c, 0x46].every((byte, index) => program[index] === byte);
  const name = isElf ? GO_ARCHITECTURE.get((program[18] ?? 0) | ((program[19] ?? 0) << 8)) : undefined;
  if (name === undefined)
    throw new EngineError("invalid", "the hello program is no ELF file for amd64 or arm64");
  return name;
}

async function sha256Hex(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(bytes))).toHex();
}
