/**
 * Images and registries on the command line: each line is run with `docker` and with `berth` against the same daemon and the
 * same registry, and what they print, and their exit codes, are compared.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { withDaemon } from "../support/fixture.ts";
import { Pty } from "../support/pty.ts";
import { TestRegistry } from "../support/registry.ts";
import { mustRun, runCommand } from "../support/run-command.ts";
import { bothResults, prepare, runLine } from "./cli-comparison.ts";

const fixture = withDaemon();
const { daemon, scratch } = fixture;
let registry: TestRegistry;
let guarded: TestRegistry;

beforeAll(async () => {
  await prepare(fixture);
  registry = await TestRegistry.start();
  guarded = await TestRegistry.start({ user: ["me", "secret"] });
  for (const tag of ["1", "2"]) {
    await daemon.mustDocker("tag", "busybox", `${registry.host}/team/box:${tag}`);
    await daemon.mustDocker("push", `${registry.host}/team/box:${tag}`);
  }
}, 60_000);
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await guarded[Symbol.asyncDispose]();
});

/** `REG` and `AUTH` in a line stand for the two registries. */
const filled = (line: string) => line.replaceAll("REG", registry.host).replaceAll("AUTH", guarded.host);

async function compare(line: string, before: readonly string[] = []): Promise<void> {
  const [theirs, ours] = await bothResults(fixture, filled(line), before.map(filled));
  expect(ours).toEqual(theirs);
}

const same = (name: string, lines: readonly string[], before: readonly string[] = []) =>
  describe(name, () => {
    test.each(lines)("%s", (line) => compare(line, before));
  });

same(
  "pull",
  [
    "pull REG/team/box:1",
    "pull -q REG/team/box:1",
    "pull --platform linux/amd64 REG/team/box:1",
    "pull --disable-content-trust REG/team/box:1",
    "image pull REG/team/box:1",
  ],
  ["rmi -f REG/team/box:1"],
);

same("pull of what is there, and of what is not", [
  "pull REG/team/box:1",
  "pull -a REG/team/box",
  "pull REG/team/box",
  "pull REG/team/none",
  "pull REG/team/none:1",
  "pull -a REG/team/box:1",
  "pull Nonsense",
  "pull a b",
  "pull 127.0.0.1:1/x",
  `pull REG/team/box@sha256:${"0".repeat(64)}`,
]);

// docker itself waits for a user name that nobody types.
test("pull from a registry that wants to know who asks", async () => {
  const { code, stderr, stdout } = await runLine(fixture, BERTH, filled("pull AUTH/x:1"));
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^Error response from daemon: .*(?:credentials|unauthorized|docker login)/);
});

same("push", [
  "push REG/team/box:1",
  "push -q REG/team/box:1",
  "push -a REG/team/box",
  "push REG/team/nothing",
  "push REG/team/box",
  "push -a REG/team/box:1",
  "push --platform nonsense REG/team/box:1",
  `push REG/team/box@sha256:${"0".repeat(64)}`,
  "image push REG/team/box:2",
]);

same("search", [
  "search REG/box",
  "search --format json REG/box",
  "search --limit 1 REG/team",
  "search --filter stars=x REG/box",
  "search --filter nonsense=1 REG/box",
  "search",
]);

same("save and load", [
  "save busybox | tar -xO manifest.json | tr , '\\n' | grep -c busybox",
  "save -o saved.tar busybox && tar -tf saved.tar | sort | head -3",
  "save nonexistent",
  "save -o /nonexistent/x busybox",
  "save -o . busybox",
  "save --platform linux/amd64 busybox | tar -t | wc -l",
  "save --platform linux/s390x busybox",
  "save --platform linux/*/x busybox",
  "save -o saved.tar busybox && docker load -i saved.tar",
  "save busybox | docker load",
  "load -i /nonexistent",
  "load </dev/null",
  "load -i env",
]);

describe("berth reads what docker writes, and the other way round", () => {
  test.each([
    ["docker", BERTH],
    [BERTH, "docker"],
  ])("%s save | %s load", async (from, to) => {
    const line = `save busybox | ${to} load`;
    const { code, stdout } = await runLine(fixture, from, line);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Loaded image: busybox:latest\n" });
  });
});

same("history and inspect", [
  "history busybox",
  "history --no-trunc busybox",
  "history -q busybox",
  "history -H=false busybox",
  "history --format json busybox",
  "history --format '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}' busybox",
  "history nonexistent",
  "image history busybox",
  "image inspect -f '{{.RootFS.Type}} {{len .RootFS.Layers}}' busybox",
]);

describe("commit", () => {
  const cases: [string, string[]][] = [
    ["commit log && docker image prune -f >/dev/null", []],
    ["commit log made:1 && docker inspect -f '{{.Config.Cmd}} {{.Author}} {{.Comment}}' made:1", []],
    [
      "commit -a me -m 'a message' -c 'ENV A=b' -c 'CMD [\"x\"]' log made:1 && docker inspect -f '{{.Config.Cmd}} {{.Config.Env}} {{.Author}} {{.Comment}}' made:1",
      [],
    ],
    ["commit -p=false up made:1", []],
    ["commit up made:1", []],
    ["commit nonexistent", []],
    ["commit log Made", []],
    ["commit -c 'RUN x' log", []],
    ["commit", []],
    ["commit a b c", []],
  ];
  test.each(cases)("%s", (line, before) => compare(line, before));
});

same("diff and export", [
  "diff fresh",
  "diff changed",
  "container diff changed",
  "diff nonexistent",
  "diff ''",
  "export fresh | tar -t | sort | head -5",
  "export -o exported.tar fresh && tar -tf exported.tar | wc -l",
  "export nonexistent",
]);
beforeAll(async () => {
  const script = "echo x > /etc/new; rm /bin/yes; chmod 700 /root; mkdir -p /opt/a; ln -s a /opt/b";
  await daemon.mustDocker("run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", script);
});

describe("prune", () => {
  const made = ["commit log doomed:1", "tag busybox spare:1"];
  const cases: [string, string[]][] = [
    ["image prune </dev/null", []],
    ["image prune -f", ["image prune -f", "commit log"]],
    ["image prune <<X\ny\nX", ["image prune -f", "commit log"]],
    ["image prune -af --filter label=nonexistent", made],
    ["image prune -af --filter until=1h", made],
    ["image prune --filter nonsense=1 -f", []],
    ["container prune -f --filter label=nonexistent", []],
    ["container prune -f --filter label=doomed", ["create -l doomed --network none busybox true"]],
    ["container prune <<X\nn\nX", []],
    ["container prune x", []],
  ];
  test.each(cases)("%s", (line, before) => compare(line, before));

  test("system prune asks as docker does", () =>
    compare("system prune --volumes --filter label=a=b <<X\nn\nX"));

  test("system prune goes on where the engine has no such things", async () => {
    await daemon.mustDocker("create", "-l", "doomed", "--network", "none", "busybox", "true");
    const { code, stdout } = await runLine(fixture, BERTH, "system prune -f --filter label=doomed");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: \S+\n$/);
  });
});

same("system df", [
  "system df",
  "system df -v",
  "system df --format '{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}'",
  "system df --format json",
  "system df -v --format json",
  "system df x",
]);

describe("login and logout", () => {
  const config = () => join(scratch, "config.json");
  const stored = () => JSON.parse(readFileSync(config(), "utf8"));

  test.each([
    "login -u me --password-stdin AUTH <<X\nsecret\nX",
    "login -u me -p secret AUTH",
    "login -u me -p wrong AUTH",
    "login AUTH </dev/null",
    "login --password-stdin AUTH",
    "login -u me -p x 127.0.0.1:1",
    "logout AUTH",
  ])("%s", async (line) => {
    const results: unknown[] = [];
    for (const program of ["docker", BERTH]) {
      rmSync(config(), { force: true });
      const { code, stdout, stderr } = await runLine(fixture, program, filled(line));
      const auths = existsSync(config()) ? stored().auths : undefined;
      results.push({ code, stdout, stderr, auths });
    }
    expect(results[1]).toEqual(results[0]);
    rmSync(config(), { force: true });
  });

  test("what one client stores the other uses, for pulls, pushes and containers", async () => {
    const image = `${guarded.host}/private:1`;
    await daemon.mustDocker("tag", "busybox", image);
    const run = (program: string, line: string) => runLine(fixture, program, line);
    expect((await run(BERTH, `push ${image}`)).code).toBe(1);
    await run("docker", `login -u me -p secret ${guarded.host}`);
    expect(await run(BERTH, `push -q ${image}`)).toMatchObject({ code: 0, stdout: `${image}\n` });
    await run("docker", `logout ${guarded.host}`);
    await run(BERTH, `login -u me -p secret ${guarded.host}`);
    expect(lstatSync(config()).mode & 0o777).toBe(0o600);
    expect((await run("docker", `push -q ${image}`)).code).toBe(0);
    await daemon.mustDocker("rmi", image);
    const line = `run --rm --network none ${image} echo hello`;
    const { code, stderr, stdout } = await run(BERTH, line);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "hello\n" });
    expect(stderr).toStartWith(`Unable to find image '${image}' locally\n`);
    await run(BERTH, `logout ${guarded.host}`);
    expect((await run(BERTH, `pull ${image}`)).code).toBe(1);
    rmSync(config());
  });

  test("a credential helper", async () => {
    const vault = join(scratch, "vault");
    const helper = `#!/bin/sh\ncase $1 in store) cat > ${vault};; get) [ -f ${vault} ] || { echo "credentials not found in native keychain"; exit 1; }; cat ${vault};; erase) rm -f ${vault};; esac\n`;
    mkdirSync(join(scratch, "bin"), { recursive: true });
    writeFileSync(join(scratch, "bin/docker-credential-vault"), helper, { mode: 0o755 });
    writeFileSync(
      config(),
      JSON.stringify({ credHelpers: { [guarded.host]: "vault" }, own: { kept: true } }),
    );
    const env = {
      DOCKER_HOST: daemon.host,
      DOCKER_CONFIG: scratch,
      PATH: `${join(scratch, "bin")}:${process.env.PATH}`,
    };
    const run = (...argv: readonly string[]) => runCommand([...argv], { env });
    expect((await run(BERTH, "login", "-u", "me", "-p", "secret", guarded.host)).code).toBe(0);
    expect(stored()).toEqual({
      credHelpers: { [guarded.host]: "vault" },
      own: { kept: true },
      auths: { [guarded.host]: {} },
    });
    for (const program of ["docker", BERTH]) {
      expect((await run(program, "pull", "-q", `${guarded.host}/private:1`)).code).toBe(0);
    }
    expect((await run(BERTH, "logout", guarded.host)).code).toBe(0);
    expect(existsSync(vault)).toBe(false);
    rmSync(config());
  });
});

describe("run and create", () => {
  const box = "REG/team/box:1";
  const cases: [string, string[]][] = [
    [`run --rm --network none ${box} echo hello`, [`rmi -f ${box}`]],
    [`run --rm -q --network none ${box} echo hello`, [`rmi -f ${box}`]],
    [`run --rm --pull never --network none ${box} echo hello`, [`rmi -f ${box}`]],
    [`run --rm --pull always --network none ${box} echo hello`, [`pull ${box}`]],
    [`run --rm --pull always -q --network none ${box} echo hello`, []],
    ["run --rm --network none REG/team/none echo hello", []],
    [`create --pull always --network none ${box} true`, []],
    ["create --pull sometimes busybox", []],
    ["create --platform nonsense/x/y/z busybox", []],
    ["create --platform nonsense busybox", []],
  ];
  test.each(cases)("%s", (line, before) => compare(line, before));
});

describe("on a terminal", () => {
  /** All that a line writes to a terminal, ids and times evened out by the caller. */
  async function typescript(
    program: string,
    line: string,
    input: readonly (readonly [string, string])[] = [],
  ) {
    const file = join(scratch, "typescript");
    const env = { DOCKER_HOST: daemon.host, DOCKER_CONFIG: scratch };
    const command = `script -qec "${program} ${filled(line)}" ${file}`;
    using terminal = new Pty(["sh", "-c", command], { env, rows: 24, columns: 150 });
    for (const [question, answer] of input) {
      await terminal.until(question);
      terminal.type(answer);
    }
    const code = await terminal.exited;
    const text = readFileSync(file, "utf8").replace(/^Script .*\n|\nScript done.*\n$/gm, "");
    return { code, text };
  }

  test.each(["save busybox", "export fresh", "pull -q REG/team/box:1"])("%s", async (line) => {
    expect(await typescript(BERTH, line)).toEqual(await typescript("docker", line));
  });

  test("a pull ends on the same screen", async () => {
    // How many steps a bar takes is a matter of time: the last state of each line is not.
    const screen = async (program: string) => {
      await mustRun(["docker", "rmi", "-f", `${registry.host}/team/box:1`], {
        env: { DOCKER_HOST: daemon.host },
      });
      const { code, text } = await typescript(program, "pull REG/team/box:1");
      const last = new Map(
        [...text.matchAll(/\r([0-9a-f]{12}): ([^\r]*)\r/g)].map(([, id, state]) => [id, state]),
      );
      return { code, last: [...last], ends: text.split("\n").slice(-4) };
    };
    expect(await screen(BERTH)).toEqual(await screen("docker"));
  });

  test("the password is asked and not shown", async () => {
    const answers = [
      ["Username: ", "me\r"],
      ["Password: ", "secret\r"],
    ] as const;
    const ours = await typescript(BERTH, "login AUTH", answers);
    expect(ours.code).toBe(0);
    expect(ours.text).not.toContain("secret");
    rmSync(join(scratch, "config.json"));
    expect(ours).toEqual(await typescript("docker", "login AUTH", answers));
    rmSync(join(scratch, "config.json"));
  });
});

describe("what docker does not have", () => {
  const run = (line: string) => runLine(fixture, BERTH, filled(line));

  test("a prune by plan, and pins", async () => {
    await daemon.mustDocker("commit", "log", "spare:1");
    await daemon.mustDocker("commit", "changed", "spare:2");
    expect(await run("image pin spare:1")).toMatchObject({ code: 0, stdout: "spare:1\n" });
    expect((await run("image pins")).stdout).toMatch(/^IMAGE ID +NAMES\n[0-9a-f]{12} +spare:1\n$/);
    const plan = JSON.parse((await run("image prune -a --dry-run --format json")).stdout);
    const names = (list: readonly { Names: string[] }[]) => list.flatMap(({ Names }) => Names);
    expect(names(plan.Remove)).toContain("spare:2");
    expect(names(plan.Keep)).toContain("spare:1");
    expect((await run("image ls -q spare")).stdout.split("\n").length).toBe(3);
    const done = await run(`image prune --plan ${plan.Id}`);
    expect(done.code).toBe(0);
    expect(done.stdout).toContain("untagged: spare:2\n");
    expect((await run("image ls --format '{{.Tag}}' spare")).stdout).toBe("1\n");
    expect((await run(`image prune --plan ${plan.Id}`)).code).toBe(1);
    expect((await run("image unpin spare:1")).code).toBe(0);
    expect((await run("rmi spare:1")).code).toBe(0);
  });

  test("how two images differ, and what their layers hold", async () => {
    await daemon.mustDocker("import", join(scratch, "busybox.tar"), "busybox");
    await daemon.mustDocker("commit", "-c", "ENV A=b", "changed", "made:2");
    const diff = await run("image diff busybox made:2");
    expect(diff.code).toBe(0);
    for (const line of ["A /etc/new (2B)", "D /bin/yes", "C /root (mode)", "A /opt/b -> a"]) {
      expect(diff.stdout).toContain(line);
    }
    const layers = await run("image layers --files made:2");
    expect(layers.stdout).toContain("  A /etc/new (2B)\n");
    expect(layers.stdout).toMatch(/\n2 layers, \S+, of which \S+ are wasted: efficiency \S+%\n$/);
    expect((await run("rmi made:2")).code).toBe(0);
  });

  test("a scrub finds nothing wrong", async () => {
    const { code, stdout } = await run("system scrub");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^\d+ ok, 0 damaged, 0 missing, \d+ unverifiable, 0 repaired; \S+ read\n$/,
      ),
    });
  });
});
