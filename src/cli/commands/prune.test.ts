import { expect, test } from "bun:test";
import type { PrunePlanView } from "../../api/storage-views.ts";
import { runScripted, type Script } from "../testing/scripted-cli.ts";

const run = (argv: readonly string[], script: Script = {}) =>
  runScripted(argv, { environment: { DOCKER_CONFIG: "/nonexistent" }, ...script });
const filtersOf = (path: string | undefined) =>
  JSON.parse(new URL(path ?? "", "http://daemon").searchParams.get("filters") ?? "{}");

const ID = `sha256:${"ab".repeat(32)}`;
const PRUNED = { ImagesDeleted: [{ Untagged: "a:1" }, { Deleted: ID }], SpaceReclaimed: 1_234_567 };
const answers = {
  "POST /images/prune": { json: PRUNED },
  "POST /containers/prune": { json: { ContainersDeleted: ["c1"], SpaceReclaimed: 1000 } },
  "POST /networks/prune": { status: 501, message: "networks are not available in berth yet" },
  "POST /build/prune": { status: 501, message: "building images is not available in berth yet" },
};

test("asks, and takes only y for a yes", async () => {
  const question =
    "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ";
  expect(await run(["image", "prune"], { answers, input: "yes\n" })).toMatchObject({
    code: 0,
    out: question,
    requests: [],
  });
  const yes = await run(["image", "prune"], { answers, input: "Y\n" });
  const result = `Deleted Images:\nuntagged: a:1\ndeleted: ${ID}\n\nTotal reclaimed space: 1.235MB\n`;
  expect(yes.out).toBe(question + result);
  expect(filtersOf(yes.requests[0]?.path)).toEqual({ dangling: { true: true } });
});

test("filters of the line", async () => {
  const { requests } = await run(["image", "prune", "-af", "--filter", "label=a=b"], { answers });
  expect(filtersOf(requests[0]?.path)).toEqual({ label: { "a=b": true }, dangling: { false: true } });
});

test("system prune goes through all kinds, those that the engine has not left out", async () => {
  const { code, out, requests } = await run(["system", "prune", "-f"], { answers });
  expect(code).toBe(0);
  expect(requests.map(({ path }) => path.replace(/\?.*/, ""))).toEqual([
    "/v1.50/containers/prune",
    "/v1.50/networks/prune",
    "/v1.50/images/prune",
    "/v1.50/build/prune",
  ]);
  expect(out).toEndWith("\nTotal reclaimed space: 1.236MB\n");
  const failing = { ...answers, "POST /images/prune": { status: 500, message: "broken" } };
  expect(await run(["system", "prune", "-f"], { answers: failing })).toMatchObject({ code: 1 });
});

const PLAN: PrunePlanView = {
  Id: "p1",
  ExpiresAt: "2026-11-21T10:00:00Z",
  Remove: [{ Kind: "image", Id: ID, Names: ["a:1"], Bytes: 5000, Reason: "unused" }],
  Keep: [{ Id: ID, Names: [], Reason: "used by container web" }],
  SpaceReclaimed: 5000,
};

test("a dry run tells what would go, and its plan is what is done then", async () => {
  const dry = await run(["image", "prune", "-a", "--dry-run"], {
    answers: { "POST /images/prune": { json: PLAN } },
  });
  expect(new URL(dry.requests[0]?.path ?? "", "http://daemon").searchParams.get("dry-run")).toBe("1");
  expect(dry.out).toBe(
    [
      "Would be removed:",
      "IMAGE ID       NAMES     SIZE      REASON",
      "abababababab   a:1       5kB       unused",
      "",
      "Would be kept:",
      "IMAGE ID       NAMES     REASON",
      "abababababab   <none>    used by container web",
      "",
      "Total reclaimable space: 5kB",
      "To remove exactly this, before 2026-11-21T10:00:00Z: berth image prune --plan p1",
      "",
    ].join("\n"),
  );
  const done = await run(["image", "prune", "--plan", "p1"], { answers });
  expect(JSON.parse(String(done.requests[0]?.body))).toEqual({ Plan: "p1" });
  expect(done.out).toEndWith("Total reclaimed space: 1.235MB\n");
});

test.each([
  [["--plan", "p1", "-a"], "conflicting options"],
  [["--plan", "p1", "--dry-run"], "conflicting options"],
  [["--format", "json"], "--format is for --dry-run"],
])("image prune %j is refused", async (argv, message) => {
  const { code, err, requests } = await run(["image", "prune", ...argv], { answers });
  expect({ code, requests }).toEqual({ code: 1, requests: [] });
  expect(err).toContain(message);
});
