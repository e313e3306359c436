/** What Docker does not have: diff and layers of images, pins, scrub. */
import { expect, test } from "bun:test";
import type {
  FileFacts,
  ImageDiffLine,
  ImageLayersLine,
  ScrubFinding,
  ScrubLine,
  ScrubTotal,
} from "../../api/storage-views.ts";
import { runScripted } from "../testing/scripted-cli.ts";

const LABEL = { Id: "sha256:a", Names: ["a:1"] };
const FILE: FileFacts = { Type: "file", Size: 1000, Mode: 0o644, Uid: 0, Gid: 0 };
const DIFF: readonly ImageDiffLine[] = [
  { Kind: "images", From: LABEL, To: LABEL, Config: [{ Path: "Env", To: ["A=1"] }] },
  { Kind: "file", Change: "added", Path: "/new", To: FILE },
  {
    Kind: "file",
    Change: "changed",
    Path: "/x",
    From: FILE,
    To: { ...FILE, Size: 2000 },
    Differs: ["content"],
  },
  { Kind: "file", Change: "removed", Path: "/l", From: { ...FILE, Type: "symlink", Size: 0, Target: "x" } },
  { Kind: "total", Added: 1, Changed: 1, Removed: 1, BytesFrom: 1000, BytesTo: 3000 },
];

test("image diff", async () => {
  const answers = { "GET /berth/images/diff": { lines: DIFF } };
  const { out, requests } = await runScripted(["image", "diff", "a", "b:2"], { answers });
  expect(requests.map(({ path }) => path)).toEqual(["/v1.50/berth/images/diff?from=a&to=b%3A2"]);
  expect(out).toBe(
    [
      'config Env: (none) -> ["A=1"]',
      "A /new (1kB)",
      "C /x (content, 1kB -> 2kB)",
      "D /l -> x (symlink)",
      "1 added, 1 changed, 1 removed; 1kB -> 3kB",
      "",
    ].join("\n"),
  );
  const json = await runScripted(["image", "diff", "--format", "json", "a", "b"], { answers });
  expect(
    json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([...DIFF]);
});

test("an answer that breaks off, and one that ends in an error", async () => {
  const diff = (lines: readonly ImageDiffLine[]) =>
    runScripted(["image", "diff", "a", "b"], { answers: { "GET /berth/images/diff": { lines } } });
  expect(await diff(DIFF.slice(0, -1))).toMatchObject({ code: 1, err: "the daemon's answer broke off\n" });
  expect(await diff([{ Kind: "error", Message: "gone" }])).toMatchObject({ code: 1, err: "gone\n" });
});

const LAYERS: readonly ImageLayersLine[] = [
  { Kind: "image", ...LABEL },
  {
    Kind: "layer",
    Index: 0,
    DiffId: "sha256:d",
    Instruction: "ADD x",
    Size: 3000,
    Added: 2,
    Modified: 0,
    Removed: 0,
    Wasted: 1000,
  },
  { Kind: "file", Layer: 0, Change: "added", Path: "/x", Type: "file", Size: 1000, Wasted: true },
  {
    Kind: "total",
    Layers: 1,
    Size: 3000,
    Wasted: 1000,
    Efficiency: 2 / 3,
    TopWasted: [{ Path: "/x", Versions: 2, Bytes: 1000 }],
    FilesOmitted: 0,
  },
];

test("image layers", async () => {
  const answers = { "GET /berth/images/a/layers": { lines: LAYERS } };
  const { out, requests } = await runScripted(["image", "layers", "--files", "a"], { answers });
  expect(requests[0]?.path).toBe("/v1.50/berth/images/a/layers?files=1");
  expect(out).toBe(
    [
      "layer 0 ADD x",
      "  A /x (1kB, wasted)",
      "LAYER     SIZE      ADDED     MODIFIED   REMOVED   WASTED    CREATED BY",
      "0         3kB       2         0          0         1kB       ADD x",
      "",
      "WASTED    VERSIONS   PATH",
      "1kB       2          /x",
      "",
      "1 layers, 3kB, of which 1kB are wasted: efficiency 66.7%",
      "",
    ].join("\n"),
  );
});

test("pins", async () => {
  const answers = {
    "GET /berth/images/pins": { json: [{ Id: `sha256:${"ab".repeat(32)}`, Names: ["a:1", "b:1"] }] },
    "PUT /berth/images/a:1/pin": { text: "" },
  };
  const { out } = await runScripted(["image", "pins"], { answers });
  expect(out).toBe("IMAGE ID       NAMES\nabababababab   a:1,b:1\n");
  expect(await runScripted(["image", "pin", "a:1"], { answers })).toMatchObject({ code: 0, out: "a:1\n" });
  expect(await runScripted(["image", "unpin", "a:1"], { answers })).toMatchObject({
    code: 1,
    err: "Error response from daemon: page not found\n",
  });
});

const FINDING: ScrubFinding = {
  Kind: "finding",
  What: "blob",
  Id: "sha256:d",
  State: "damaged",
  Detail: "other bytes",
  Images: [LABEL],
};
const TOTAL: ScrubTotal = {
  Kind: "total",
  Ok: 1,
  Damaged: 1,
  Missing: 0,
  Unverifiable: 0,
  Repaired: 0,
  Bytes: 5000,
};

test("a scrub fails while something is not right", async () => {
  const scrub = (lines: readonly ScrubLine[], ...argv: readonly string[]) =>
    runScripted(["system", "scrub", ...argv], { answers: { "POST /berth/storage/scrub": { lines } } });
  const progress: ScrubLine = { Kind: "progress", Stage: "blobs", Done: 1, Of: 2, Bytes: 10 };
  const found = await scrub([progress, FINDING, TOTAL]);
  expect(found).toMatchObject({ code: 1, err: "" });
  expect(found.out).toBe(
    "damaged blob sha256:d: other bytes [a:1]\n1 ok, 1 damaged, 0 missing, 0 unverifiable, 0 repaired; 5kB read\n",
  );
  const repaired = await scrub(
    [
      { ...FINDING, Repair: "repaired" },
      { ...TOTAL, Repaired: 1 },
    ],
    "--repair",
  );
  expect(repaired.code).toBe(0);
  expect(repaired.requests[0]?.path).toBe("/v1.50/berth/storage/scrub?repair=1");
  expect(repaired.out).toStartWith("damaged blob sha256:d: other bytes [a:1]; repaired\n");
});
