/** What `berth` has for itself: its help, the layouts that name it, and where it is meant to differ from docker. */
import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { withDaemon } from "../support/fixture.ts";
import { type CommandResult, runCommand } from "../support/run-command.ts";
import { evenedText, prepare, runLine } from "./cli-comparison.ts";

const fixture = withDaemon();
const { daemon, scratch } = fixture;
beforeAll(() => prepare(fixture), 60_000);

const runWith = (program: string, line: string) => runLine(fixture, program, line);

describe("layouts that name the client itself", () => {
  /** Without the lines on which docker names its own version, language and build. */
  const shared = ({ code, stdout, stderr }: CommandResult) => {
    const lines = evenedText(stdout).split("\n");
    const [client = "", ...rest] = lines.join("\n").split("\n\n");
    const labels = client
      .split("\n")
      .map((line) => line.replace(/^( (?:Version|Go version|Git commit|Built): +).*/, "$1"));
    return { code, stderr: evenedText(stderr), stdout: [labels.join("\n"), ...rest].join("\n\n") };
  };
  test.each(["version", "info", "-H unix:///nonexistent.sock version", "-H unix:///nonexistent.sock info"])(
    "%s",
    async (line) => {
      const [theirs, ours] = [await runWith("docker", line), await runWith(BERTH, line)].map(shared);
      expect(ours as object).toEqual(theirs as object);
    },
  );

  test("--version", async () => {
    expect((await runWith(BERTH, "--version")).stdout).toMatch(
      /^berth version \d+\.\d+\.\d+.*, build \w+\n$/,
    );
    expect((await runWith(BERTH, "version --client")).stdout).not.toContain("Server");
  });
});

describe("--help", () => {
  const COMMANDS =
    "attach commit cp create diff events exec export history images import info inspect kill load login logout logs pause ps pull push rename restart rm rmi run save search start stop tag top unpause version wait".split(
      " ",
    );

  /** Spelling and place of each flag: `-n, --last int`. What docker has and berth not is not asked for. */
  const flagsOf = (text: string) =>
    [...text.matchAll(/^ {2}(-\w,| {3}) (--[\w-]+(?: [\w-]+)?) {2,}/gm)].map(
      ([, short, long]) => `${short} ${long}`,
    );

  test.each(COMMANDS)("%s: usage, aliases and every flag are Docker's", async (command) => {
    const [theirs, ours] = [
      await runWith("docker", `${command} --help`),
      await runWith(BERTH, `${command} --help`),
    ];
    const head = (text: string) => evenedText(text).split("\n")[0];
    const aliases = (text: string) => /Aliases:\n(.*)\n/.exec(evenedText(text))?.[1];
    expect(ours.code).toBe(0);
    expect(head(ours.stdout)).toBe(head(theirs.stdout) as string);
    expect(aliases(ours.stdout)).toBe(aliases(theirs.stdout) as string);
    const own = command === "version" ? ["    --client"] : [];
    const unknown = flagsOf(ours.stdout).filter(
      (flag) => ![...flagsOf(theirs.stdout), ...own].includes(flag),
    );
    expect(unknown).toEqual([]);
    for (const line of ours.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("is found where it is looked for", async () => {
    const ps = (await runWith(BERTH, "ps --help")).stdout;
    expect(ps).toStartWith("Usage:  berth ps [OPTIONS]\n\n");
    expect((await runWith(BERTH, "help ps")).stdout).toBe(ps);
    expect((await runWith(BERTH, "ps -h")).stdout).toBe(
      `Flag shorthand -h has been deprecated, use --help\n${ps}`,
    );
    expect((await runWith(BERTH, "container ps --help")).stdout).toStartWith(
      "Usage:  berth container ls [OPTIONS]\n",
    );
    const { stdout, code } = await runWith(BERTH, "--help");
    expect(code).toBe(0);
    for (const word of ["run", "ps", "daemon", "hello", "container", "image", "system"]) {
      expect(stdout).toMatch(new RegExp(`^ {2}${word} `, "m"));
    }
    expect(await runWith(BERTH, "")).toEqual({ code: 0, stdout: "", stderr: stdout });
    expect((await runWith(BERTH, "container")).stderr).toStartWith("Usage:  berth container COMMAND\n");
  });
});

describe("berth's own", () => {
  test("a name that nothing has", async () => {
    expect(await runWith(BERTH, "inspect nonexistent also-not")).toEqual({
      code: 1,
      stdout: "[]\n",
      stderr: "Error: No such object: nonexistent\nError: No such object: also-not\n",
    });
  });

  test("detach keys that are none are refused before anything is created", async () => {
    expect(
      await runWith(BERTH, "run --name keys --detach-keys nonsense --network none busybox true"),
    ).toEqual({
      code: 1,
      stdout: "",
      stderr: "invalid detach keys (nonsense)\n",
    });
    expect((await runWith(BERTH, "ps -aq -f name=keys")).stdout).toBe("");
  });

  test("TLS that was asked for is not left out", async () => {
    const { code, stderr } = await runCommand([BERTH, "ps"], {
      env: { DOCKER_HOST: "tcp://127.0.0.1:1", DOCKER_TLS_VERIFY: "1" },
    });
    expect(code).toBe(1);
    expect(stderr).toContain("connections over TLS are not available in berth yet");
  });

  test("hello", async () => {
    const { code, stdout } = await runWith(BERTH, "hello");
    expect(code).toBe(0);
    expect(stdout).not.toBe("");
    await daemon.mustDocker("rmi", "hello-world");
  });

  test("a reader that goes away is no failure", async () => {
    const piped = `ps -a | head -1; ${BERTH} run --rm --network none busybox sh -c 'i=0; while [ $i -lt 9999 ]; do echo $i; i=$((i+1)); done' | head -1`;
    const { stdout, stderr } = await runWith(BERTH, piped);
    expect(stdout).toMatch(/^CONTAINER ID .*\n0\n$/);
    expect(stderr).toBe("");
  });

  test("the files of a directory have no say", async () => {
    // Neither may code run that lies about in the working directory, nor may an .env file name another daemon.
    writeFileSync(join(scratch, "bunfig.toml"), 'preload = ["./surprise.ts"]\n');
    writeFileSync(join(scratch, "surprise.ts"), 'await Bun.write("surprised", "");\n');
    writeFileSync(join(scratch, ".env"), "DOCKER_HOST=unix:///somewhere-else.sock\n");
    const { DOCKER_HOST: _, ...env } = process.env;
    const { stderr } = await runCommand(["env", "-u", "DOCKER_HOST", BERTH, "ps"], { env, cwd: scratch });
    expect(existsSync(join(scratch, "surprised"))).toBe(false);
    expect(stderr).not.toContain("somewhere-else");
  });
});
