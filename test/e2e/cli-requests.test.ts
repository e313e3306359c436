/**
 * What `berth run` and `berth create` ask of a daemon is what `docker` asks: both talk to a server that only writes down
 * the body of the creation. Fields that say nothing (null, empty, zero, false) count as absent.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { type CommandResult, runCommand } from "../support/run-command.ts";

let scratch = "";
let server: ReturnType<typeof Bun.serve>;
let seen: unknown;

beforeAll(() => {
  scratch = mkdtempSync("/tmp/berth-test-");
  writeFileSync(join(scratch, "env"), "# comment\nA=1\nHOME\n\nB= x\n");
  writeFileSync(join(scratch, "labels"), "l=1\nm\n");
  writeFileSync(join(scratch, "seccomp.json"), '{ "defaultAction": "SCMP_ACT_ALLOW" }\n');
  server = Bun.serve({
    unix: join(scratch, "s"),
    async fetch(request) {
      const url = new URL(request.url);
      const headers = { "Api-Version": "1.50", Ostype: "linux" };
      if (url.pathname.endsWith("/_ping")) return new Response("OK", { headers });
      seen = { path: url.pathname, query: Object.fromEntries(url.searchParams), body: await request.json() };
      return Response.json({ Id: "1".repeat(64), Warnings: [] }, { status: 201 });
    },
  });
});

afterAll(async () => {
  await server.stop(true);
  rmSync(scratch, { recursive: true });
});

/** Values that say as little as their absence does, by their fields. */
const SILENT: Readonly<Record<string, string>> = {
  ConsoleSize: "[0,0]",
  MemorySwappiness: "-1",
  RestartPolicy: '{"Name":"no","MaximumRetryCount":0}',
};

/** null, empty, zero and false are Go's ways to say nothing. */
function meaningful(value: unknown, field = ""): unknown {
  if (JSON.stringify(value) === SILENT[field]) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item) => (typeof item === "object" ? (meaningful(item) ?? {}) : item));
    // Docker's order of the variables is that of a Go map: another one each time.
    if (field === "Env") items.sort();
    return items.length === 0 ? undefined : items;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]) => [key, meaningful(item, key)] as const);
    const said = entries.filter(([, item]) => item !== undefined);
    // The members of a set have empty objects for values.
    if (field === "Volumes" || field === "ExposedPorts")
      return entries.length === 0 ? undefined : Object.keys(value).sort();
    return said.length === 0 ? undefined : Object.fromEntries(said);
  }
  return value === null || value === "" || value === 0 || value === false ? undefined : value;
}

async function requestOf(program: string, args: readonly string[]): Promise<unknown> {
  seen = undefined;
  const env = { DOCKER_HOST: `unix://${join(scratch, "s")}`, HOME: "/home/me", DOCKER_CONFIG: scratch };
  const result: CommandResult = await runCommand([program, "create", ...args], { env, cwd: scratch });
  if (seen === undefined) throw new Error(`${program} asked nothing: ${result.stderr}`);
  return normalized(seen);
}

function normalized(request: unknown): unknown {
  const { body, ...rest } = request as { body: { HostConfig: Record<string, unknown> } };
  const { MaskedPaths, ReadonlyPaths } = body.HostConfig;
  const unmasked = [MaskedPaths, ReadonlyPaths].map((paths) => (Array.isArray(paths) ? paths : undefined));
  // An entrypoint of one empty text takes the image's away: it is not nothing.
  const { Entrypoint, Env } = body as unknown as { Entrypoint: unknown; Env: string[] | null };
  // Docker's client passes them through a map of Go's, whose order is another each time.
  const sorted = { ...body, Env: Env === null ? null : [...(Env ?? [])].sort() };
  return { ...rest, body: meaningful(sorted), unmasked, Entrypoint };
}

const LINES: readonly string[] = [
  "busybox",
  "busybox sh -c true",
  "-i busybox cat",
  "-a stdout -a STDERR busybox",
  "-a stdin busybox",
  "-ia stdout busybox",
  "--name n --platform linux/amd64 -h host --domainname d -u 1:2 -w /w busybox",
  "-e A=1 -e HOME -e NOT_SET_ANYWHERE -e B= busybox",
  "--env-file env -e A=2 busybox",
  "-l a=b -l c --label-file labels busybox",
  "--entrypoint sh busybox -c x",
  "--entrypoint= busybox",
  "--cap-add ALL --cap-drop CAP_MKNOD --privileged --read-only busybox",
  "--cpus 1.5 --cpu-shares 10 --cpu-period 1000 --cpu-quota 2000 --cpuset-cpus 0-1 --cpuset-mems 0 busybox",
  "--cpus .25 --cpu-rt-period 5 --cpu-rt-runtime 6 busybox",
  "-m 64m --memory-reservation 32M --memory-swap 1g --memory-swappiness 7 --oom-kill-disable busybox",
  "--memory-swap -1 --oom-score-adj -5 --pids-limit -1 --shm-size 3m busybox",
  "--blkio-weight 20 --blkio-weight-device /dev/sda:30 --device-read-bps /dev/sda:1mb busybox",
  "--device-write-bps /dev/sda:1 --device-read-iops /dev/sda:2 --device-write-iops /dev/sda:3 busybox",
  "--ulimit core=0 --ulimit nofile=1:2 --ulimit nofile=5 busybox",
  "--device /dev/fuse --device /dev/a:/dev/b:r --device /dev/c:rw busybox",
  "--device-cgroup-rule c\u00a01:3\u00a0mr busybox",
  "--gpus all busybox",
  "--gpus 2 busybox",
  "--gpus device=0 busybox",
  "--ipc host --pid host --uts host --userns host --cgroupns host --cgroup-parent /x busybox",
  "--init busybox",
  "--init=false busybox",
  "--rm --restart no busybox",
  "--restart on-failure:3 busybox",
  "--restart always busybox",
  "--security-opt no-new-privileges --security-opt seccomp=seccomp.json --security-opt label=disable busybox",
  "--security-opt systempaths=unconfined --security-opt apparmor:x busybox",
  "--stop-signal INT --stop-timeout 3 busybox",
  "--sysctl net.core.somaxconn=5 --annotation a=b --runtime r --isolation default busybox",
  "--tmpfs /t --tmpfs /u:size=1m,ro busybox",
  "-v /c:/d:ro -v /anonymous busybox",
  "-v name:/e busybox",
  "-v ./here:/b busybox",
  "--volumes-from c1 --volumes-from c2:ro --volume-driver d --storage-opt size=1G busybox",
  "--mount type=bind,source=/a,target=/b,readonly busybox",
  "--mount type=bind,src=./a,dst=/b,bind-propagation=rshared,bind-recursive=disabled busybox",
  "--mount type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1770 busybox",
  '--mount type=volume,source=v,target=/v,volume-nocopy,volume-label=a=b,volume-driver=d,"volume-opt=o=x,y" busybox',
  "--log-driver none busybox",
  "--log-driver json-file --log-opt max-size=1m --log-opt max-file=2 busybox",
  "--add-host a:1.2.3.4 --add-host b=::1 --add-host c:[::1] --add-host d:host-gateway busybox",
  "--dns 1.1.1.1 --dns-option ndots:2 --dns-opt x --dns-search example.com --group-add 5 --group-add staff busybox",
  "--network none busybox",
  "--net host busybox",
  "--network mine --network-alias a --net-alias b --ip 10.0.0.5 --mac-address 02:42:ac:11:00:02 --link c:d busybox",
  "--network name=mine,alias=x,ip=10.0.0.6,driver-opt=a=b,gw-priority=3 --network other busybox",
  "--network container:abc busybox",
  "-p 80 -p 8080:80 -p 127.0.0.1:5353:53/udp -p [::1]:443:443 busybox",
  "-p 8000-8002:9000-9002 -p 7000-7010:70 -P --expose 5 --expose 6-7/udp busybox",
  "--publish published=81,target=82,protocol=udp busybox",
  "--health-cmd x --health-interval 1m30s --health-retries 3 --health-timeout 5s --health-start-period 1ms busybox",
  "--no-healthcheck busybox",
];

/** Words are apart at blanks; a blank within a word is written as a no-break space. */
const wordsOf = (line: string) => line.split(" ").map((word) => word.replaceAll("\u00a0", " "));

describe("create", () => {
  test.each(LINES)("%s", async (line) => {
    const theirs = await requestOf("docker", wordsOf(line));
    expect(await requestOf(BERTH, wordsOf(line))).toEqual(theirs);
  });
});
