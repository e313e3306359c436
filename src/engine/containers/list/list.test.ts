import { describe, expect, test } from "bun:test";
import type { MountPointView } from "../../../api/container-views.ts";
import type { ContainerRecord, ContainerState } from "../container-record.ts";
import {
  containerRecord,
  FixedContainer,
  FixedDirectory,
  SECOND_NS,
  STOPPED,
} from "../testing/fixed-directory.ts";
import { fixedImages, storedImage } from "../testing/fixed-images.ts";
import { createList } from "./list.ts";

const busybox = storedImage("1", ["busybox:latest"], ["layer-a"], 4000);
const derived = storedImage("2", ["app:latest"], ["layer-a", "layer-b"], 5000);
const other = storedImage("3", ["other:latest"], ["layer-c"], 6000);
const images = fixedImages(busybox, derived, other);

const RUNNING: ContainerState = { ...STOPPED, status: "running", pid: 9, startedAtNs: 50n * SECOND_NS };
const EXITED: ContainerState = {
  ...RUNNING,
  status: "exited",
  pid: 0,
  exitCode: 3,
  finishedAtNs: 70n * SECOND_NS,
};
const volume: MountPointView = {
  Type: "volume",
  Name: "data",
  Source: "/v/data",
  Destination: "/data",
  Mode: "",
  RW: true,
  Propagation: "",
};
const bind: MountPointView = {
  Type: "bind",
  Source: "/srv",
  Destination: "/www",
  Mode: "ro",
  RW: false,
  Propagation: "rprivate",
};

/** Numbered by age: 1 is the oldest. */
const RECORDS: ContainerRecord[] = [
  containerRecord(1, { name: "db", state: RUNNING, mounts: [volume] }),
  containerRecord(2, {
    name: "web-1",
    state: { ...RUNNING, status: "paused" },
    config: { Cmd: ["sh"], Labels: { tier: "front", zone: "a" } },
  }),
  containerRecord(3, {
    name: "web-2",
    state: EXITED,
    imageId: derived.id,
    imageReference: "app",
    mounts: [bind],
  }),
  containerRecord(4, { name: "new", imageId: other.id, imageReference: "busybox" }),
  containerRecord(5, {
    name: "going",
    state: { ...EXITED, status: "removing" },
    hostConfig: { NetworkMode: "host" },
  }),
];

const list = (
  filters: Record<string, string[]> = {},
  options: { all?: boolean; limit?: number; size?: boolean } = {},
  records = RECORDS,
) =>
  createList({
    directory: new FixedDirectory(...records.map((record) => new FixedContainer(record))),
    images,
    snapshots: { usage: async (key) => Number(key.at(-1)) * 10 },
    nowNs: () => 100n * SECOND_NS,
  })({ all: true, limit: 0, size: false, ...options, filters: new Map(Object.entries(filters)) });

const numbers = async (...args: Parameters<typeof list>) =>
  (await list(...args)).map(({ Id }) => Number(Id[0]));

describe("list", () => {
  test("a summary is Docker's", async () => {
    const config = { Entrypoint: ["/bin/sh", "-c"], Cmd: ["echo a b", "x"], Labels: { a: "b" } };
    const record = containerRecord(7, { config, mounts: [bind], state: RUNNING });
    expect(await list({}, { size: true }, [record])).toEqual([
      {
        Id: record.id,
        Names: ["/name7"],
        Image: "busybox:latest",
        ImageID: busybox.id,
        Command: "/bin/sh -c 'echo a b' x",
        Created: 7,
        Ports: [],
        Labels: { a: "b" },
        State: "running",
        Status: "Up 50 seconds",
        HostConfig: { NetworkMode: "none" },
        NetworkSettings: {
          Networks: {
            none: expect.objectContaining({ NetworkID: "", IPAddress: "", GwPriority: 0, DNSNames: null }),
          },
        },
        Mounts: [bind],
        SizeRw: 70,
        SizeRootFs: 4070,
      },
    ]);
  });

  test("an image that the name no longer means is shown by its id", async () => {
    const shown = await list();
    expect(shown.map(({ Image }) => Image)).toEqual([
      "busybox:latest",
      other.id,
      "app",
      "busybox:latest",
      "busybox:latest",
    ]);
  });

  test("running ones only by default, newest first; a limit shows stopped ones too", async () => {
    expect(await numbers({}, { all: false })).toEqual([2, 1]);
    expect(await numbers()).toEqual([5, 4, 3, 2, 1]);
    expect(await numbers({}, { all: false, limit: 2 })).toEqual([5, 4]);
    expect(await numbers({ name: ["web"] }, { all: false, limit: 1 })).toEqual([3]);
    expect(await numbers({ status: ["created"] }, { all: false })).toEqual([4]);
  });

  const FILTERS: [Record<string, string[]>, number[]][] = [
    [{ id: [containerRecord(2).id.slice(0, 8)] }, [2]],
    [{ id: ["f"] }, []],
    [{ id: [""] }, []],
    [{ name: ["web"] }, [3, 2]],
    [{ name: ["^/web-1$"] }, [2]],
    [{ name: ["^web-1$", "db"] }, [2, 1]],
    [{ name: ["web("] }, []],
    [{ name: ["web-[0-9]+"], id: ["3"] }, [3]],
    [{ label: ["tier"] }, [2]],
    [{ label: ["tier=front", "zone"] }, [2]],
    [{ label: ["tier=back"] }, []],
    [{ label: ["constructor"] }, []],
    [{ exited: ["3"] }, [5, 3]],
    [{ exited: ["0"] }, []],
    [{ status: ["running", "paused"] }, [2, 1]],
    [{ status: ["exited"] }, [3]],
    [{ ancestor: ["busybox"] }, [5, 3, 2, 1]],
    [{ ancestor: ["app"] }, [3]],
    [{ ancestor: [other.id, "app"] }, [4, 3]],
    [{ ancestor: ["nothing"] }, []],
    [{ before: ["web-2"] }, [2, 1]],
    [{ since: ["web-1"] }, [5, 4, 3]],
    [{ before: ["going"], since: ["db"] }, [4, 3, 2]],
    [{ volume: ["data"] }, [1]],
    [{ volume: ["/www", "/v/data"] }, [3]],
    [{ volume: ["/srv"] }, [3]],
    [{ network: ["host"] }, [5]],
    [{ network: ["none"] }, [4, 3, 2, 1]],
    [{ network: ["bridge"] }, []],
    [{ publish: ["80"] }, []],
    [{ expose: ["80-90/udp"] }, []],
    [{ health: ["none"] }, [5, 4, 3, 2, 1]],
    [{ health: ["healthy"] }, []],
    [{ "is-task": ["false"] }, [5, 4, 3, 2, 1]],
    [{ "is-task": ["true"] }, []],
    [{ isolation: ["default"] }, [5, 4, 3, 2, 1]],
  ];
  test.each(FILTERS)("%j", async (filters, expected) => {
    expect(await numbers(filters)).toEqual(expected);
  });

  const REFUSED: [Record<string, string[]>, string, string][] = [
    [{ foo: ["x"] }, "invalid", "invalid filter 'foo'"],
    [
      { status: ["up"] },
      "invalid",
      "invalid filter 'status=up': invalid value for state (up): must be one of created, running, paused, restarting, removing, exited, dead",
    ],
    [
      { health: ["fine"] },
      "invalid",
      "invalid filter 'health=fine': invalid value for health (fine): must be one of none, starting, healthy, unhealthy",
    ],
    [{ exited: ["x"] }, "invalid", `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`],
    [{ "is-task": ["maybe"] }, "invalid", "invalid filter 'is-task=[maybe]'"],
    [{ "is-task": ["true", "false"] }, "invalid", "invalid filter 'is-task=[true false]'"],
    [{ publish: ["80:80"] }, "invalid", "filter for 'publish' should not contain ':': 80:80"],
    [{ expose: ["90-80"] }, "invalid", "error while looking up for expose 90-80: invalid port range"],
    [{ expose: ["70000"] }, "invalid", "error while looking up for expose 70000: invalid port range"],
    [{ before: ["nobody"] }, "notFound", "No such container: nobody"],
  ];
  test.each(REFUSED)("%j is refused", async (filters, kind, message) => {
    await expect(list(filters)).rejects.toMatchObject({ kind, message });
  });
});
