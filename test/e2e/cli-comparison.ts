/** Runs one line with `docker` and with `berth` against the same daemon, and evens out what must differ. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { type Fixture, NONE } from "../support/fixture.ts";
import { type CommandResult, mustRun, runCommand } from "../support/run-command.ts";

/** Containers and images that the lines speak of. */
export async function prepare({ daemon, scratch }: Fixture): Promise<void> {
  const run = (...args: readonly string[]) => daemon.mustDocker("run", ...args);
  const chatter = "echo one; echo two >&2; echo three";
  await daemon.mustDocker("create", "--name", "fresh", ...NONE, "busybox", "true");
  await run("-d", "--name", "up", ...NONE, "busybox", "sleep", "100000");
  await run("--name", "log", ...NONE, "-l", "a=b", "-l", "c.d-e=f", "busybox", "sh", "-c", chatter);
  await run("-t", "--name", "tty", ...NONE, "busybox", "sh", "-c", chatter);
  const tar = join(scratch, "busybox.tar");
  await daemon.mustDocker("import", "-c", "CMD sh", tar, "registry.example:5000/team/box:1.0");
  writeFileSync(join(scratch, "env"), "A=1\nHOME\n");
  writeFileSync(join(scratch, "bad-env"), "A B=1\n");
  writeFileSync(join(scratch, "empty"), "");
}

/** The rest of a line is the shell's: quotes, redirections. */
export function runLine({ daemon, scratch }: Fixture, program: string, line: string): Promise<CommandResult> {
  const env = { DOCKER_HOST: daemon.host, DOCKER_CONFIG: scratch, GIVEN: "by the caller" };
  return runCommand(["sh", "-c", `${program} ${line}`], { env, cwd: scratch });
}

function evened({ code, stdout, stderr }: CommandResult): CommandResult {
  return { code, stdout: evenedText(stdout), stderr: evenedText(stderr) };
}

export function evenedText(text: string): string {
  return (
    text
      // The daemon's message, a second time in the client's own log: said once by berth.
      .replace(/^time="[^"]*" level=error msg="Error waiting for container: .*\n/gm, "")
      // A slip of the pen in docker 28.
      .replaceAll("SRun '", "Run '")
      .replaceAll("Docker", "berth")
      .replaceAll("docker", "berth")
      .replace(/\b[0-9a-f]{64}\b/g, "ID-OF-64")
      .replace(/\b[0-9a-f]{12}\b/g, "ID-OF-12")
      .replace(/\b\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z| \+0000 UTC)/g, "A TIME")
      .replace(/(?:Less than a second|About an? \w+|\d+ (?:second|minute)s?)(?: ago)? +/g, "A WHILE ")
      .replace(/(?:Less than a second|About an? \w+|\d+ (?:second|minute)s?)/g, "A WHILE")
  );
}

/** What docker and what berth say, each after the same steps; `[theirs, ours]`. */
export async function bothResults(
  fixture: Fixture,
  line: string,
  before: readonly string[] = [],
): Promise<readonly [CommandResult, CommandResult]> {
  const result = async (program: string) => {
    for (const step of before) {
      await mustRun(["sh", "-c", `docker ${step}`], { env: { DOCKER_HOST: fixture.daemon.host } });
    }
    return evened(await runLine(fixture, program, line));
  };
  return [await result("docker"), await result(BERTH)];
}
