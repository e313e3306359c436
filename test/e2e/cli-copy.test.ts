/**
 * `cp`: each line is run with `docker` and with `berth`, each time with a new container and a new directory, and what they print
 * and leave in both is compared.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { withDaemon } from "../support/fixture.ts";
import { mustRun, runCommand } from "../support/run-command.ts";

const fixture = withDaemon();
const { daemon, scratch } = fixture;
const here = join(scratch, "here");
const env = { DOCKER_HOST: daemon.host, DOCKER_CONFIG: scratch };

const IN_CONTAINER = `
mkdir -p /data/etc/sub /data/var; cd /data; echo hosts > etc/hosts; echo x > etc/sub/x; chmod 750 etc/sub
ln -s hosts etc/link; ln -s /data/etc etclink; ln -s ../etc/sub var/sublink; ln -s nowhere dangling; ln etc/hosts etc/hosts2
chown 1000:50 etc/sub/x; touch -d @1500000000 etc/hosts etc/sub`;

const ON_HOST = `
mkdir -p d/sub empty deep ld; echo f > f; echo g > d/g; echo s > d/sub/s; ln -s f fl; ln -s d dl; ln -s /nowhere bad; ln d/g d/g2
echo "tar me" > t; tar -cf t.tar t; chmod 4711 f; touch -d @1600000000 d/g f d; ln -s ../f d/rel; mkfifo d/pipe; ln -s newname tolink
ln -s ../deep ld/up; printf x > "$(printf 'd/odd\\377name')"; chown 1000:50 d/sub/s`;

beforeAll(async () => {
  await daemon.mustDocker(
    "run",
    "--name",
    "template",
    "--network",
    "none",
    "busybox",
    "sh",
    "-c",
    IN_CONTAINER,
  );
  await daemon.mustDocker("commit", "template", "template");
});

/** Times before this test are those that a copy has kept; others are now. */
const evened = (listing: string) =>
  listing.replace(/ 179\d{7}(?:\.\d+)? /g, " NOW ").replaceAll("docker", "berth");

const LIST = "find . -printf '%p %y %m %s %l\\n' ! -type l ! -type d -printf '%p %T@ %n\\n' | sort";

interface Copied {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly container: string;
  readonly host: string;
}

async function copied(program: string, line: string): Promise<Copied> {
  await runCommand(["docker", "rm", "-f", "web"], { env });
  await mustRun(["docker", "create", "--name", "web", "--network", "none", "template", "true"], { env });
  rmSync(here, { recursive: true, force: true });
  mkdirSync(here);
  await mustRun(["sh", "-c", ON_HOST], { cwd: here });
  const result = await runCommand(["sh", "-c", `${program} ${line}`], { env, cwd: here });
  const tree = join(scratch, "tree");
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree);
  await mustRun(["sh", "-c", `docker export web | tar -x -C ${tree} --numeric-owner`], { env });
  const owners = "find data tmp -printf '%p %U:%G\\n' | sort";
  const container = await mustRun(["sh", "-c", `${LIST}; ${owners}`], { cwd: tree });
  const host = await mustRun(["sh", "-c", LIST], { cwd: here });
  const stderr = result.stderr
    // What docker's packer says to itself of a pipe that was closed.
    .replace(/^time="[^"]*" level=error msg="Can't .*\n/gm, "");
  return { ...result, stderr: evened(stderr), container: evened(container), host: evened(host) };
}

const same = (name: string, lines: readonly string[]) =>
  describe(name, () => {
    test.each(lines)("%s", async (line) => {
      expect(await copied(BERTH, line)).toEqual(await copied("docker", line));
    });
  });

same("from a container", [
  "cp web:/data/etc/hosts .",
  "cp web:/data/etc/hosts new",
  "cp web:/data/etc/hosts new/",
  "cp web:/data/etc/hosts f",
  "cp web:/data/etc/hosts fl",
  "cp web:/data/etc/hosts bad",
  "cp web:/data/etc/hosts tolink",
  "cp web:/data/etc/hosts d/sub",
  "cp web:/data/etc/hosts dl",
  "cp web:/data/etc/hosts nodir/x",
  "cp web:/data/etc .",
  "cp web:/data/etc new",
  "cp web:/data/etc new/",
  "cp web:/data/etc/ new",
  "cp web:/data/etc/. new",
  "cp web:/data/etc/. empty",
  "cp web:/data/etc f",
  "cp web:/data/etc/sub/. d/sub",
  "cp web:/data/etc/link .",
  "cp -L web:/data/etc/link .",
  "cp -L web:/data/etc/link out",
  "cp web:/data/etclink .",
  "cp web:/data/etclink/ .",
  "cp -L web:/data/etclink .",
  "cp -L web:/data/etclink out",
  "cp -L web:/data/var/sublink out",
  "cp -L web:/data/var/sublink/. out",
  "cp -L web:/data/dangling .",
  "cp web:/data/dangling .",
  "cp web:/data/nothere .",
  "cp web:/data/etc/hosts/ .",
  "cp nonexistent:/x .",
  "cp web:data/etc/hosts .",
  "cp -a web:/data/etc .",
  "cp web:/data/etc/hosts ld/up",
  "cp web:/data/etc/hosts /dev/null",
  "cp web:/data/etc - | tar -t | sort",
  "cp web:/data/etc/hosts - | tar -xO",
  "cp -q=false web:/data/etc/hosts new",
]);

same("to a container", [
  "cp f web:/tmp",
  "cp f web:/tmp/",
  "cp f web:/tmp/new",
  "cp f web:/tmp/new/",
  "cp f web:/nodir/new",
  "cp f web:/data/etc/hosts",
  "cp f web:/data/etclink",
  "cp f web:/data/etc/link",
  "cp f web:/data/dangling",
  "cp fl web:/tmp",
  "cp -L fl web:/tmp",
  "cp -L fl web:/tmp/n",
  "cp d web:/tmp",
  "cp d web:/tmp/new",
  "cp d/ web:/tmp",
  "cp d/. web:/tmp",
  "cp d/. web:/tmp/new",
  "cp d web:/data/etc/hosts",
  "cp dl web:/tmp",
  "cp dl/ web:/tmp",
  "cp dl/. web:/tmp",
  "cp -L dl web:/tmp",
  "cp -L dl web:/tmp/new",
  "cp bad web:/tmp",
  "cp -L bad web:/tmp",
  "cp nothere web:/tmp",
  "cp f/ web:/tmp",
  "cp f nonexistent:/tmp",
  "cp -a d web:/tmp",
  "cp - web:/tmp < t.tar",
  "cp - web:/data/etc/hosts < t.tar",
  "cp - web:/nodir < t.tar",
  "cp - web:/tmp < f",
  "cp -q=false f web:/tmp",
  "cp -q=false d/g web:/tmp",
  "cp . web:/tmp",
  "cp ./d web:tmp",
]);

same("use", ["cp a b", "cp web:/a web:/b", "cp '' b", "cp a ''", "cp a", "container cp x"]);

test("a running container, both ways", async () => {
  await daemon.mustDocker("run", "-d", "--name", "up", "--network", "none", "busybox", "sleep", "100000");
  writeFileSync(join(scratch, "big"), new Uint8Array(3 << 20).fill(7));
  await mustRun([BERTH, "cp", "big", "up:/tmp/big"], { env, cwd: scratch });
  expect(await daemon.mustDocker("exec", "up", "sh", "-c", "wc -c < /tmp/big")).toBe(String(3 << 20));
  await mustRun([BERTH, "cp", "up:/tmp/big", "back"], { env, cwd: scratch });
  await mustRun(["cmp", "big", "back"], { cwd: scratch });
});
