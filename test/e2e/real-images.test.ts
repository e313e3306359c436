/** A real distribution, and archives as other programs write them: what goes in comes out again, bit by bit. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dockerArchive, layerTar, ociLayout } from "../../src/store/testing/image-archives.ts";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { busyboxTar, debianTar } from "../support/images.ts";
import { mustRun, runCommand } from "../support/run-command.ts";

const { daemon, scratch } = withDaemon();
const DEBIAN = "debian:bookworm";
const run = (image: string, ...command: readonly string[]) =>
  daemon.mustDocker("run", "--rm", ...NONE, image, ...command);
const bash = (script: string) => run(DEBIAN, "bash", "-lc", script);

/** Debian's root file system as tar unpacks it: what the container has to look like. */
const reference = join(scratch, "reference");
let tar = "";

beforeAll(async () => {
  tar = await debianTar();
  mkdirSync(reference);
  await mustRun(["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-C", reference, "-xpf", tar]);
  await daemon.mustDocker("import", "--change", 'CMD ["bash"]', tar, DEBIAN);
}, 120_000);

/** One line for each file: what `find` says of everything that an archive can carry. */
const LISTING =
  "find . -mindepth 1 ( -path ./proc -o -path ./sys -o -path ./dev ) -prune -o -printf %P|%y|%m|%U:%G|%T@|%s|%l\\n";

function listingOf(text: string): Map<string, string> {
  return new Map(
    text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        const [path = "", type = "", mode, owner, time, size, link] = line.split("|");
        // A directory's size is its file system's own affair.
        const comparable = [type, mode, owner, time, type === "d" ? "" : size, link];
        return [path, comparable.join(" ")] as const;
      }),
  );
}

describe("Debian", () => {
  test("is whole: names, types, modes, owners, times, sizes and links are the archive's", async () => {
    const expected = listingOf(await mustRun(["find", ...LISTING.split(" ").slice(1)], { cwd: reference }));
    const [program = "", ...args] = LISTING.split(" ");
    const found = listingOf(
      await daemon.mustDocker("run", "--rm", "--pid", "host", "-w", "/", ...NONE, DEBIAN, program, ...args),
    );
    expect(expected.size).toBeGreaterThan(5000);
    // Those are the engine's own in every container.
    const own = new Set([".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab", "etc"]);
    const differing = [...new Set([...expected.keys(), ...found.keys()])]
      .filter((path) => !own.has(path) && expected.get(path) !== found.get(path))
      .map((path) => `${path}: ${expected.get(path)} became ${found.get(path)}`);
    expect(differing).toEqual([]);
  });

  test("has the same contents", async () => {
    const script =
      "cd /; find bin/ usr/bin etc/passwd usr/lib var/lib/dpkg -type f -print0 | sort -z | xargs -0 sha256sum";
    const expected = await mustRun(["chroot", reference, "bash", "-c", script]);
    expect(Bun.hash(await run(DEBIAN, "bash", "-c", script))).toBe(Bun.hash(expected.trimEnd()));
  }, 60_000);

  test("works: shell, packages, users, locale", async () => {
    expect(await bash("echo $BASH_VERSION; shopt -q login_shell && echo login")).toMatch(/^5\.2.*\nlogin$/);
    expect(await bash("apt-get --version | head -1")).toMatch(/^apt 2\.6/);
    expect(await bash("id; su nobody -s /bin/sh -c id")).toBe(
      "uid=0(root) gid=0(root) groups=0(root)\nuid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)",
    );
    expect(await bash("LC_ALL=C.UTF-8 locale charmap")).toBe("UTF-8");
    const packages = await mustRun(["chroot", reference, "sh", "-c", "dpkg -l | wc -l"]);
    expect(await bash("dpkg -l | wc -l")).toBe(packages.trimEnd());
    expect(await bash("dpkg --verify; echo $?")).toBe("0");
    expect(await bash("perl -e 'print 6*7'; getent passwd root; date +%Z")).toBe(
      "42root:x:0:0:root:/root:/bin/bash\nUTC",
    );
    expect(
      await bash(
        "touch /tmp/x && rm /var/lib/dpkg/status && mkdir -p /a/b && ls /var/lib/dpkg/status 2>&1 | wc -l",
      ),
    ).toBe("1");
    expect(await bash("ls /var/lib/dpkg/status")).toBe("/var/lib/dpkg/status");
  });

  test("set-user-id programs work for users, and not with no-new-privileges", async () => {
    expect(await bash("stat -c %a /usr/bin/su /usr/bin/passwd")).toBe("4755\n4755");
    const asUser = (...flags: readonly string[]) =>
      runCommand(
        [
          "docker",
          "run",
          "--rm",
          "-u",
          "nobody",
          ...flags,
          ...NONE,
          DEBIAN,
          "sh",
          "-c",
          "umask 0; cp /usr/bin/id /tmp/id; passwd -S nobody",
        ],
        { env: { DOCKER_HOST: daemon.host } },
      );
    expect((await asUser()).stdout).toStartWith("nobody L");
    expect((await asUser("--security-opt", "no-new-privileges")).stdout).not.toStartWith("nobody L");
  });

  const setcap = ["/usr/sbin/setcap", "/sbin/setcap"].find(existsSync);
  test.skipIf(setcap === undefined)("file capabilities come along (libcap2-bin sets them)", async () => {
    const root = join(scratch, "caps");
    mkdirSync(join(root, "bin"), { recursive: true });
    for (const name of ["busybox", "grep"]) await mustRun(["cp", "/bin/busybox", join(root, "bin", name)]);
    await mustRun([setcap ?? "", "cap_net_raw,cap_net_bind_service=ep", join(root, "bin/grep")]);
    const file = join(scratch, "caps.tar");
    await mustRun(["tar", "--xattrs", "--xattrs-include=*", "-C", root, "-cf", file, "."]);
    await daemon.mustDocker("import", file, "caps:1");
    // A user gets them by executing the file.
    const capabilities = (...program: readonly string[]) =>
      daemon.mustDocker(
        "run",
        "--rm",
        "-u",
        "1000",
        ...NONE,
        "caps:1",
        ...program,
        "CapEff",
        "/proc/self/status",
      );
    expect(await capabilities("/bin/busybox", "grep")).toBe("CapEff:\t0000000000000000");
    expect(await capabilities("/bin/grep")).toBe("CapEff:\t0000000000002400");
    await daemon.mustDocker("rmi", "caps:1");
  });
});

describe("archives of skopeo", () => {
  const archive = (name: string) => join(scratch, name);
  const skopeo = (...args: readonly string[]) =>
    mustRun(["skopeo", "--insecure-policy", "--tmpdir", scratch, ...args]);

  /** An OCI layout of one layer, for skopeo to convert. */
  beforeAll(async () => {
    const layer = new Uint8Array(
      await Bun.file(await busyboxTar(scratch, undefined, "layer.tar")).arrayBuffer(),
    );
    const image = { layers: [layer], config: { Cmd: ["echo", "of the image"], Env: ["PATH=/bin", "A=b"] } };
    await Bun.write(
      archive("source.tar"),
      new Uint8Array(ociLayout([{ image, annotations: { "org.opencontainers.image.ref.name": "source" } }])),
    );
  });

  const forms: readonly (readonly [string, string, readonly string[]])[] = [
    ["docker-archive", "docker-archive:%:made:1", []],
    ["docker-archive, compressed", "docker-archive:%:made:1", ["--dest-compress"]],
    ["oci-archive, gzip", "oci-archive:%:made:1", ["--dest-compress-format", "gzip"]],
    ["oci-archive, zstd", "oci-archive:%:made:1", ["--dest-compress-format", "zstd"]],
    ["oci-archive, as it is", "oci-archive:%:made:1", ["--dest-oci-accept-uncompressed-layers"]],
  ];
  test.each(forms)("%s", async (_, destination, flags) => {
    const file = archive("made.tar");
    rmSync(file, { force: true });
    await skopeo(
      "copy",
      "-q",
      ...flags,
      `oci-archive:${archive("source.tar")}`,
      destination.replace("%", file),
    );
    const loaded = await daemon.mustDocker("load", "-i", file);
    expect(loaded).toContain("Loaded image: made:1");
    expect(await run("made:1")).toBe("of the image");
    expect(await run("made:1", "sh", "-c", "echo $A; ls /bin/busybox")).toBe("b\n/bin/busybox");
    const shared = await daemon.mustDocker("inspect", "-f", "{{json .RootFS.Layers}}", "made:1");
    expect(JSON.parse(shared)).toHaveLength(1);
    await daemon.mustDocker("rmi", "made:1");
  });

  const packers = ["gzip", "zstd", "xz", "bzip2"].filter((program) => Bun.which(program) !== null);
  test.each(packers)("packed once more with %s", async (program) => {
    const file = archive("packed.tar");
    rmSync(file, { force: true });
    await skopeo("copy", "-q", `oci-archive:${archive("source.tar")}`, `docker-archive:${file}:packed:1`);
    await Bun.write(`${file}.packed`, Bun.spawn([program, "-c", file]).stdout);
    const { code, stdout, stderr } = await daemon.docker("load", "-i", `${file}.packed`);
    if (program === "xz" || program === "bzip2") {
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `archives compressed with ${program} are not supported: use gzip, zstd or none\n`,
      });
      return;
    }
    expect(stdout).toContain("Loaded image: packed:1");
    expect(await run("packed:1")).toBe("of the image");
    await daemon.mustDocker("rmi", "packed:1");
  });

  test("many tags of many images in one archive", async () => {
    const layer = new Uint8Array(await Bun.file(archive("layer.tar")).arrayBuffer());
    const more = layerTar({ "etc/more": "more\n" });
    const bytes = dockerArchive([
      { layers: [layer], tags: ["many:a", "many:b", "example.org:5000/team/many:c"] },
      { layers: [layer, more], tags: ["many:more"] },
      { layers: [layer, more], config: { Env: ["X=nameless"] }, tags: null },
    ]);
    const { code, stdout } = await daemon.dockerWith({ input: new Uint8Array(bytes) }, "load");
    expect(code).toBe(0);
    expect([...(stdout.match(/^Loaded image: .*/gm) ?? [])].sort()).toEqual(
      ["example.org:5000/team/many:c", "many:a", "many:b", "many:more"].map(
        (name) => `Loaded image: ${name}`,
      ),
    );
    expect(stdout).toMatch(/^Loaded image ID: sha256:[0-9a-f]{64}$/m);
    expect(await run("example.org:5000/team/many:c", "echo", "c")).toBe("c");
    expect(await run("many:more", "cat", "/etc/more")).toBe("more");
    const [nameless = ""] = (await daemon.mustDocker("images", "-q", "--filter", "dangling=true")).split(
      "\n",
    );
    expect(await run(nameless, "sh", "-c", "echo $X; cat /etc/more")).toBe("nameless\nmore");
    expect(await daemon.mustDocker("rmi", "many:a")).toBe("Untagged: many:a");
    await daemon.mustDocker("rmi", "-f", "many:b", "example.org:5000/team/many:c", "many:more", nameless);
    expect(await daemon.mustDocker("images", "-q", BUSYBOX)).not.toBe("");
  });

  test("an image of Debian's size and many layers goes through skopeo", async () => {
    const file = archive("debian.tar");
    const base = new Uint8Array(await Bun.file(tar).arrayBuffer());
    const layers = [
      base,
      ...Array.from({ length: 30 }, (_, index) => layerTar({ [`layer-${index}`]: `${index}\n` })),
    ];
    await Bun.write(archive("plain.tar"), new Uint8Array(dockerArchive([{ layers, tags: ["deep:1"] }])));
    await skopeo("copy", "-q", `docker-archive:${archive("plain.tar")}`, `oci-archive:${file}:deep:1`);
    rmSync(archive("plain.tar"));
    await daemon.mustDocker("load", "-i", file);
    expect(await run("deep:1", "sh", "-c", "cat /layer-* | sort -n | tail -1; dpkg -l | wc -l")).toBe(
      `29\n${await bash("dpkg -l | wc -l")}`,
    );
    expect((await daemon.mustDocker("history", "-q", "deep:1")).split("\n")).toHaveLength(31);
  }, 120_000);
});
