/** `docker commit`. */
import { expect, test } from "bun:test";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";

const { daemon } = withDaemon();
const inspect = async (name: string) => JSON.parse(await daemon.mustDocker("inspect", name))[0];
const run = (image: string, ...command: readonly string[]) =>
  daemon.mustDocker("run", "--rm", ...NONE, image, ...command);

async function ready(name: string, script: string): Promise<void> {
  await daemon.mustDocker(
    "run",
    "-d",
    "--name",
    name,
    ...NONE,
    BUSYBOX,
    "sh",
    "-c",
    `${script}; echo ready; sleep 1000`,
  );
  while (!(await daemon.mustDocker("logs", name)).includes("ready"));
}

test("a running container's changes become an image on its own", async () => {
  await ready(
    "one",
    "mkdir /new; echo kept > /new/file; rm /bin/seq; rm -r /home; mkdir /home; ln /new/file /new/link; chmod 4755 /new/file",
  );
  const since = String(Date.now() / 1000);
  const id = await daemon.mustDocker(
    "commit",
    "-m",
    "a message",
    "-a",
    "An Author <a@b.c>",
    "-c",
    "ENV A=b",
    "-c",
    'CMD ["cat", "/new/file"]',
    "one",
    "made:1",
  );
  expect(await run("made:1")).toBe("kept");
  expect(
    await run(
      "made:1",
      "sh",
      "-c",
      "echo $A; ls /bin/seq 2>&1 | wc -l; ls /home | wc -l; stat -c '%h %a' /new/link",
    ),
  ).toBe("b\n1\n0\n2 4755");
  const [image, base] = [await inspect("made:1"), await inspect(BUSYBOX)];
  expect(image).toMatchObject({ Id: id, Comment: "a message", Author: "An Author <a@b.c>", Parent: base.Id });
  expect(image.RootFS.Layers.slice(0, -1)).toEqual(base.RootFS.Layers);
  const history = await daemon.mustDocker(
    "history",
    "--no-trunc",
    "--format",
    "{{.Comment}}|{{.CreatedBy}}",
    "made:1",
  );
  expect(history.split("\n")[0]).toStartWith("a message|sh -c mkdir /new");
  expect((await inspect("one")).State.Status).toBe("running");
  const until = String(Date.now() / 1000 + 0.001);
  const events = await daemon.mustDocker(
    "events",
    "--since",
    since,
    "--until",
    until,
    "--format",
    "{{.Type}} {{.Action}}",
  );
  expect(events.split("\n").filter((line) => /pause|commit|image tag/.test(line))).toEqual([
    "container pause",
    "container unpause",
    "image tag",
    "container commit",
  ]);
});

test("nothing changed, nothing added: the image has its parent's layers", async () => {
  await daemon.mustDocker("create", "--name", "still", ...NONE, BUSYBOX, "true");
  await daemon.mustDocker("commit", "still", "still:1");
  expect((await inspect("still:1")).RootFS).toEqual((await inspect(BUSYBOX)).RootFS);
  await daemon.mustDocker("run", "--name", "ran", ...NONE, BUSYBOX, "true");
  await daemon.mustDocker("commit", "ran", "ran:1");
  expect((await inspect("ran:1")).RootFS).toEqual((await inspect(BUSYBOX)).RootFS);
});

test("a stopped container, without a pause, without a name; a commit of a commit", async () => {
  await daemon.mustDocker("run", "--name", "first", ...NONE, BUSYBOX, "sh", "-c", "echo 1 > /one");
  const id = await daemon.mustDocker("commit", "first");
  await daemon.mustDocker("run", "--name", "second", ...NONE, id, "sh", "-c", "rm /one; echo 2 > /two");
  await daemon.mustDocker("commit", "--pause=false", "second", "twice");
  expect(await run("twice:latest", "sh", "-c", "ls /one 2>/dev/null; cat /two")).toBe("2");
  expect((await inspect("twice")).RootFS.Layers).toHaveLength(3);
});

test("the config of the request overrides the container's, which fills the rest", async () => {
  await daemon.mustDocker(
    "create",
    "--name",
    "configured",
    "-e",
    "OLD=1",
    "-l",
    "kept=yes",
    ...NONE,
    BUSYBOX,
    "true",
  );
  const answer = await daemon.api(
    "POST",
    "/v1.50/commit?container=configured&repo=configured&tag=1&changes=USER%20alice",
    {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ Env: ["NEW=2"], Cmd: ["env"] }),
    },
  );
  expect(answer.status).toBe(201);
  const { Config } = await inspect("configured:1");
  expect(Config).toMatchObject({ Cmd: ["env"], User: "alice", Labels: { kept: "yes" } });
  expect(Config.Env).toEqual(["NEW=2", "OLD=1"]);
});

test("what is wrong is said before anything is paused", async () => {
  await daemon.mustDocker("create", "--name", "wrong", ...NONE, BUSYBOX, "true");
  const status = async (query: string) => (await daemon.api("POST", `/v1.50/commit?${query}`)).status;
  expect(await status("container=nobody")).toBe(404);
  expect(await status("")).toBe(400);
  expect(await status("container=wrong&repo=UPPER")).toBe(400);
  expect(await status("container=wrong&changes=FROM%20x")).toBe(400);
});
