/**
 * `berth X` says what `docker X` says: each line is run with both against the same daemon, and stdout, stderr and exit code
 * compared. Only what must differ is evened out: the program's name, ids and times.
 */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { BERTH } from "../support/daemon.ts";
import { withDaemon } from "../support/fixture.ts";
import { bothResults, prepare, runLine } from "./cli-comparison.ts";

const fixture = withDaemon();
beforeAll(() => prepare(fixture), 60_000);

async function compare(line: string, before: readonly string[] = []): Promise<void> {
  const [theirs, ours] = await bothResults(fixture, line, before);
  expect(ours).toEqual(theirs);
}

const same = (name: string, lines: readonly string[]) =>
  describe(name, () => {
    test.each(lines)("%s", (line) => compare(line));
  });

const UNTIL_NOW = "--since 1h --until $(date +%s.%N)";

// First of all: the engine remembers a few hundred events only.
same("events", [
  `events ${UNTIL_NOW} --filter type=image`,
  `events ${UNTIL_NOW} --filter type=image --format json`,
  `events ${UNTIL_NOW} --filter container=log`,
  `events ${UNTIL_NOW} --filter container=log --format '{{.Type}} {{.Action}} {{.Status}} {{.ID}} {{.Actor.Attributes.name}} {{.Time}} {{json .Actor}}'`,
  `system events ${UNTIL_NOW} -f type=image -f event=import --format '{{json .}}'`,
]);

same("use", [
  "nonsense",
  "container nonsense",
  "image nonsense x",
  "system nonsense",
  "--nonsense",
  "-Z",
  "-H",
  "help nonsense",
  "ps extra",
  "ps --nonsense",
  "ps --nonsense=1",
  "ps ---all",
  "ps -Z",
  "ps -aZ",
  "ps --all=maybe",
  "ps --last",
  "ps -n",
  "ps -n x",
  "ps --last=x",
  "ps -n 99999999999999999999",
  "logs",
  "logs a b",
  "tag one",
  "images a b",
  "rename one",
  "stop",
  "exec up",
  "run",
  "create",
  "version x",
  "stop -t x up",
  "attach --nonsense up",
  "container ls extra",
  "image rm",
]);

same("run refuses", [
  "run --nonsense busybox",
  "run -Z busybox",
  "run --name 'bad name' --network none busybox true",
  "run --name up --network none busybox true",
  "run -d -a stdout busybox true",
  "run -a nonsense busybox true",
  "run -m 1 --network none busybox true",
  "run -m x busybox true",
  "run --cpus x busybox true",
  "run --cpus 1.00000000001 busybox true",
  "run --cpu-shares x busybox true",
  "run --blkio-weight 99999 busybox true",
  "run --rm -it --network none busybox true",
  "run --ulimit x busybox true",
  "run --ulimit x=1 busybox true",
  "run --ulimit nofile=3:1 busybox true",
  "run --mount x busybox true",
  "run --mount type=bind busybox true",
  "run --mount type=bind,source=/x,target busybox true",
  "run --mount type=bind,x=1,target=/x busybox true",
  "run --mount type=tmpfs,target=/x,tmpfs-size=x busybox true",
  "run --mount type=tmpfs,target=/x,bind-propagation=x busybox true",
  "run --device x:y:z:a busybox true",
  "run --device-read-bps /dev/x:y busybox true",
  "run --device-cgroup-rule x busybox true",
  "run --gpus x busybox true",
  "run -e =x busybox true",
  "run -l =x busybox true",
  "run --env-file /nonexistent busybox true",
  "run --env-file bad-env busybox true",
  "run --security-opt seccomp=/nonexistent busybox true",
  "run --security-opt nonsense busybox true",
  "run --stop-timeout x busybox true",
  "run --health-interval x busybox true",
  "run --memory-swappiness 200 busybox true",
  "run --shm-size x busybox true",
  "run --restart :x busybox true",
  "run --rm --restart always busybox true",
  "run --pull nonsense busybox true",
  "run -p nonsense busybox true",
  "run -p 1-3:1-2 busybox true",
  "run -p x:1:1 busybox true",
  "run --cidfile empty busybox true",
  "run --tmpfs relative --network none busybox true",
  "run --sysctl a busybox true",
  "run --dns x busybox true",
  "run --add-host x:y busybox true",
  "run --link a:b:c busybox true",
  "run --network-alias x busybox true",
  "run --mac-address x busybox true",
  "run --pid x busybox true",
  "run --log-driver none --log-opt a=b busybox true",
  "run -v /a:/b:/c:d busybox true",
  "run BUSYBOX",
  "run busybox@nonsense",
  "run --network container:nope --rm busybox true",
  "run --network none --pull never nonexistent:image",
  "run --network none nonexistent:image",
  "run --rm --network none -w relative busybox pwd",
  "run --rm --network none -u nobody2 busybox true",
  "run --rm --network none busybox nonexistent",
  "run --rm --network none busybox /etc",
  "run --rm --network none busybox /etc/passwd",
  "create --name",
  "create --env-file /nonexistent busybox true",
  "create --network none nonexistent:image",
]);

same("run", [
  "run --rm --network none busybox sh -c 'echo out; echo err >&2; exit 7'",
  "run --rm --network none -e GIVEN -e X=1 -e NOT_GIVEN --env-file env busybox sh -c 'env | sort'",
  "run --rm -i --network none busybox cat <env",
  "run --rm --network none -a stdout busybox sh -c 'echo o; echo e >&2'",
  "run --rm --network none -a stderr busybox sh -c 'echo o; echo e >&2'",
  "run --rm --network none --init busybox sh -c 'kill -9 $$'",
  "run --rm -t --network none busybox sh -c 'echo o; echo e >&2; stty size'",
  "run -d --rm --network none busybox true",
  "run --rm --network none -v $PWD:/x:ro busybox cat /x/env",
  "run --rm --network none --entrypoint echo busybox -n x",
  "run --rm --network none -h ship busybox hostname -- ",
]);

same("ps", [
  "ps",
  "ps -a",
  "ps -as",
  "ps -q",
  "ps -aq --no-trunc",
  "ps -a --no-trunc",
  "ps -n 2 -q",
  "ps -l --format '{{.Names}}'",
  "ps -f x",
  "ps -f status=x",
  "ps -f nonsense=1",
  "ps -a -f status=exited -f label=a=b --format '{{.Names}}'",
  "ps --format table",
  "ps --format 'table {{.Names}}\\t{{.Image}}'",
  "ps --format 'table {{.Names}} {{.State}}'",
  "ps -a --format 'table {{.Names}}\\t{{.Label \"c.d-e\"}}\\t{{upper .Image}}'",
  "ps -q --format 'table {{.Names}}'",
  "ps -q --format json",
  "ps -a --format json",
  "ps --format '{{json .}}'",
  "ps --format '{{json .Names}} {{.Size}}'",
  "ps --format pretty",
  "ps --format '{{.Nope}}'",
  "ps --format '{{.ID'",
  "ps --format '{{nope .ID}}'",
  'ps -a -f name=log --format \'{{.Label "a"}}|{{.Label "x"}}|{{.Labels}}|{{.Mounts}}|{{.Networks}}|{{.CreatedAt}}|{{.LocalVolumes}}|{{.Platform}}\'',
  "container ls -aq",
  "container list",
]);

same("images", [
  "images",
  "images -q",
  "images -a",
  "images busybox",
  "images nonexistent",
  "images -f dangling=true",
  "images -f nonsense=1",
  "images --digests",
  "images --no-trunc",
  "images -q --no-trunc",
  "images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
  "images --format 'table {{.ID}}\\t{{.Repository}}'",
  "images --format '{{.Nope}}'",
  "images -q --format '{{.Tag}}'",
  "images busybox --format json",
  "images busybox --format '{{json .}}'",
  "image ls",
  "tag nonexistent x",
  "tag busybox BAD",
  "tag busybox x@sha256:aaaa",
  "rmi nonexistent",
  "rmi -f nonexistent",
  "rmi busybox",
  "load -i /nonexistent",
  "load <empty",
  "load -i busybox.tar",
  "import /nonexistent",
  "import http://x/y",
  "import -c 'NONSENSE x' busybox.tar",
]);

same("inspect", [
  "inspect fresh",
  "inspect busybox",
  "inspect fresh busybox -f '{{.Id}}'",
  "inspect -f json log",
  "inspect --type container nonexistent",
  "inspect --type image nonexistent fresh",
  "inspect --type nonsense fresh",
  "inspect --type network x",
  "container inspect nonexistent",
  "container inspect fresh -f '{{.Name}}'",
  "image inspect nonexistent",
  "image inspect busybox -f '{{.RepoTags}} {{.Size}} {{.Os}}{{.Variant}} {{.Config.Cmd}}'",
  "inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' fresh",
  "inspect -f '{{.SizeRw}}' fresh",
  "inspect -f '{{.ID}} {{.HostConfig.NanoCPUs}} {{.HostConfig.DNS}}' fresh",
  "inspect -f '{{.Nope}}' fresh",
  "inspect -f '{{.State.Nope}}' fresh",
  "inspect -f '{{.State.Health.Status}}' fresh",
  "inspect -f '{{.Name' fresh",
  "inspect -f '{{nope .Name}}' fresh",
  "inspect -f '{{if .Name}}' fresh",
  "inspect -f '{{end}}' fresh",
  "inspect -f '{{$y}}' fresh",
  "inspect -f '{{.Name \"x\"}}' fresh",
  "inspect -f '{{range .Name}}x{{end}}' fresh",
  "inspect -f '{{index .Args 99}}' fresh",
  "inspect -f '{{json .Config.Labels}} {{.Config.Labels}} {{len .Config.Labels}}' log",
  'inspect -f \'{{index .Config.Labels "a"}}|{{index .Config.Labels "x"}}|{{.Config.Labels.a}}|{{.Config.Labels.x}}\' log',
  "inspect -f '{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}' log",
  "inspect -f '{{range $i, $e := .Args}}{{if $i}}, {{end}}{{$e}}{{else}}none{{end}}' log fresh",
  "inspect -f '{{range .Config.Cmd}}{{if eq . \"-c\"}}{{continue}}{{end}}<{{.}}>{{end}}' log",
  "inspect -f '{{$x := .Name}}{{$x}}{{$x = \"b\"}}{{$x}}' log",
  "inspect -f '{{if and .State.Running .State.Pid}}a{{else if gt .State.ExitCode 1}}b{{else}}c{{end}}' log",
  "inspect -f '{{with .Config}}{{.Image}}{{end}} {{$.Name}} {{slice .Id 0 0}}' fresh",
  'inspect -f \'{{lower .Name}} {{upper .Name}} {{title .Name}} {{pad .Name 1 2}} {{truncate .Name 2}} {{split .Name "r"}} {{join .Args ","}}\' fresh',
  "inspect -f '{{printf \"%q %-8s| %05d %v\" .Name .Driver .State.ExitCode .State.Running}}{{println .Name}}' fresh",
  "inspect -f '{{.HostConfig.Binds}} {{.HostConfig.PidsLimit}} {{.HostConfig.Init}} {{.HostConfig.PortBindings}} {{.Mounts}}' fresh",
  "inspect -f '{{.Config.Healthcheck}} {{.Config.ExposedPorts}} {{.Config.Volumes}} {{.Config.Entrypoint}} {{.Config.OnBuild}} {{.Config.StopSignal}}' fresh",
  "inspect -f '{{(index .NetworkSettings.Networks \"none\").Gateway}}|{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}}' log",
  "inspect -f 'a {{- /* no */ -}} b {{- .Name -}} c{{`raw`}}{{\"\\n\"}}' fresh",
]);

same("logs", [
  "logs nonexistent",
  "logs log",
  "logs tty",
  "logs -n 1 log",
  "logs --tail 0 log",
  "logs --tail nonsense log",
  "logs -t log",
  "logs --details log",
  "logs --since x log",
  "logs --since 10m log",
  "logs --until 10m log",
  "logs --since 2013-01-02T13:23:37Z log",
  "logs --since 2013-01-02 log",
  "logs --since 1577836800.5 log",
  "logs -f log",
]);

same("exec", [
  "exec nonexistent true",
  "exec fresh true",
  "exec up sh -c 'echo o; echo e >&2; exit 5'",
  "exec -i up cat <env",
  "exec up nonexistent",
  "exec up /etc",
  "exec -d up true",
  "exec -d up nonexistent",
  "exec -it up true",
  "exec -t up stty size",
  "exec -e A=1 -e GIVEN -e NOT_GIVEN --env-file env up env",
  "exec -e =b up env",
  "exec --env-file /nonexistent up true",
  "exec -u nobody2 up id",
  "exec -u alice -w /tmp up sh -c 'id -u; pwd'",
  "exec -w relative up pwd",
]);

same("what fails", [
  "start nonexistent",
  "start -a fresh up",
  "start -a nonexistent",
  "stop nonexistent",
  "stop -s NONSENSE up",
  "restart nonexistent",
  "kill nonexistent",
  "kill fresh",
  "kill -s NONSENSE up",
  "kill -s 99 up",
  "pause fresh",
  "unpause up",
  "attach nonexistent",
  "attach fresh",
  "wait nonexistent",
  "top nonexistent",
  "top fresh",
  "rename fresh up",
  "rename nonexistent x",
  "rename fresh 'bad name'",
  "rm nonexistent up",
  "rm -f nonexistent",
]);

describe("what changes things", () => {
  const created = [
    "rm -f made",
    "create --name made --network none busybox sh -c 'trap exit TERM; sleep 1000 & wait'",
  ];
  const started = [...created, "start made"];
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["start made nonexistent", created],
    ["start -a log", []],
    ["stop made nonexistent fresh", started],
    ["stop --time 1 made", started],
    ["restart -t 0 made", started],
    ["kill made", started],
    ["kill -s TERM made", started],
    ["pause made", started],
    ["rm made", created],
    ["rm made", started],
    ["rm -f made", started],
    ["container rm made nonexistent", created],
    ["rename made other && docker rm other", created],
    ["wait log tty", []],
    ["create --name named --network none busybox true && docker rm named", []],
    ["create --rm --network none --name doomed busybox nonexistent && docker start doomed", []],
    ["exec made true", [...started, "pause made"]],
    ["attach made", [...started, "pause made"]],
    ["unpause made", [...started, "pause made"]],
    ["tag busybox x/y:1 && docker rmi x/y:1", []],
    ["rmi x/y:1", ["tag busybox x/y:1"]],
    ["import -m hello -c 'CMD [\"sh\"]' busybox.tar imported:1 && docker rmi imported:1", []],
    ["import - imported:2 <busybox.tar && docker rmi imported:2", []],
  ];
  test.each(cases)("%s", (line, before) => compare(line, before));

  test("--cidfile", async () => {
    for (const program of ["docker", BERTH]) {
      const file = join(fixture.scratch, `cid-${program === BERTH}`);
      const { stdout } = await runLine(
        fixture,
        program,
        `create --cidfile ${file} --network none busybox true`,
      );
      expect(await Bun.file(file).text()).toBe(stdout.trim());
      await fixture.daemon.mustDocker("rm", stdout.trim());
    }
  });
});

same("top", ["top up", "top up -eo pid,comm", "top up -nonsense"]);

same("system", [
  "version --format '{{.Server.Version}} {{.Server.Os}} {{.Client.APIVersion}} {{.Client.Arch}} {{.Client.Context}}'",
  "version --format '{{range .Server.Components}}{{.Name}} {{.Details.ApiVersion}}{{end}}'",
  "version --format '{{.Client.Nope'",
  "version --nonsense",
  "info --format '{{.Name}} {{.ID}} {{.Driver}} {{.Plugins.Log}} {{.Swarm.LocalNodeState}} {{json .DriverStatus}}'",
  "info --format '{{.Nope}}'",
  "info --format '{{nope}}'",
  "info --format '{{.ServerVersion}} {{.ClientInfo.Context}}'",
  "system info -f '{{range .SecurityOptions}}{{.}};{{end}}'",
  "events --since x",
  "events --until x --since 1h",
  "events -f x",
  "events --format '{{.Nope}}' --since 1h --until 1ns",
  "events --format '{{' --since 1h --until 1ns",
]);

same("no daemon", [
  "-H unix:///nonexistent.sock ps",
  "--host unix:///nonexistent.sock run busybox",
  "--host=unix:///nonexistent.sock inspect x",
  "-H unix:///nonexistent.sock stop x y",
  "-H unix:///nonexistent.sock exec x true",
  "-H unix:///nonexistent.sock events",
  "-H unix:///nonexistent.sock attach x",
  "-H tcp://127.0.0.1:1 ps",
  "-H foo://x ps",
]);
