import type { Command } from "./command.ts";
import { exec } from "./commands/exec.ts";
import { run } from "./commands/run.ts";

/**
 * A command is loaded when it is invoked: no command line pays for another's code. But for `run` and `exec`, the most frequent ones
 * and the smallest beside what they share with others: each separately loaded piece costs a fifth of a millisecond. What few of them need of the runtime is
 * taken by process.getBuiltinModule where it is needed: node:fs alone costs a millisecond.
 */
export interface CommandEntry {
  /** As its usage names it: `ps`, `container ls`. */
  readonly path: string;
  readonly summary: string;
  load(): Promise<Command>;
}

type Loader = () => Promise<Command>;
type Verbs = Readonly<Record<string, readonly [summary: string, load: Loader]>>;

const lifecycle = () => import("./commands/lifecycle.ts");
const imageInput = () => import("./commands/image-input.ts");
const imageNames = () => import("./commands/image-names.ts");
const imageOutput = () => import("./commands/image-output.ts");
const registry = () => import("./commands/registry.ts");
const session = () => import("./commands/login.ts");
const pins = () => import("./commands/pins.ts");
const pruning = () => import("./commands/prune.ts");
const inspection = () => import("./commands/inspect.ts");

/** Verbs on containers: at the top and behind `container` they are the same. */
const CONTAINER_VERBS = {
  attach: ["Attach to a running container", async () => (await import("./commands/attach.ts")).attach],
  commit: ["Make an image of a container", async () => (await import("./commands/commit.ts")).commit],
  cp: ["Copy files from or to a container", async () => (await import("./commands/copy.ts")).copy],
  create: ["Create a container", async () => (await import("./commands/create.ts")).create],
  diff: ["Show what a container has changed", async () => (await import("./commands/diff.ts")).diff],
  export: ["Write a container's file system as a tar", async () => (await imageOutput()).exportContainer],
  exec: ["Run a command in a running container", async () => exec],
  kill: ["Kill running containers", async () => (await lifecycle()).kill],
  logs: ["Show what a container has written", async () => (await import("./commands/logs.ts")).logs],
  pause: ["Freeze all processes of containers", async () => (await lifecycle()).pause],
  rename: ["Give a container another name", async () => (await lifecycle()).rename],
  restart: ["Stop containers and start them again", async () => (await lifecycle()).restart],
  rm: ["Remove containers", async () => (await lifecycle()).rm],
  run: ["Create a container from an image and run it", async () => run],
  start: ["Start containers that are stopped", async () => (await import("./commands/start.ts")).start],
  stop: ["Stop running containers", async () => (await lifecycle()).stop],
  top: ["Show the processes of a container", async () => (await import("./commands/top.ts")).top],
  unpause: ["Let frozen processes go on", async () => (await lifecycle()).unpause],
  wait: ["Wait until containers stop, print their exit codes", async () => (await lifecycle()).wait],
} as const satisfies Verbs;

const IMAGE_VERBS = {
  history: [
    "Show the steps an image was made in",
    async () => (await import("./commands/history.ts")).history,
  ],
  import: ["Make an image of a root file system's tar", async () => (await imageInput()).importImage],
  load: ["Load images from an archive", async () => (await imageInput()).load],
  pull: ["Download an image from a registry", async () => (await registry()).pull],
  push: ["Upload an image to a registry", async () => (await registry()).push],
  save: ["Write images to an archive", async () => (await imageOutput()).save],
  tag: ["Give an image another name", async () => (await imageNames()).tag],
} as const satisfies Verbs;

const SYSTEM_VERBS = {
  events: ["Show what happens, as it happens", async () => (await import("./commands/events.ts")).events],
  info: ["Describe the engine and its machine", async () => (await import("./commands/info.ts")).info],
} as const satisfies Verbs;

const ps = ["List containers", async () => (await import("./commands/ps.ts")).ps] as const;
const images = ["List images", async () => (await import("./commands/images.ts")).images] as const;
const rmi = ["Remove images", async () => (await imageNames()).rmi] as const;

export const TOP_VERBS: Verbs = {
  ...CONTAINER_VERBS,
  ...IMAGE_VERBS,
  ...SYSTEM_VERBS,
  hello: [
    "Run the hello-world image that berth carries",
    async () => (await import("./commands/hello.ts")).hello,
  ],
  images,
  login: ["Log in to a registry", async () => (await session()).login],
  logout: ["Log out from a registry", async () => (await session()).logout],
  inspect: ["Describe containers, images and the rest in JSON", async () => (await inspection()).inspect],
  ps,
  rmi,
  search: ["Search a registry for images", async () => (await import("./commands/search.ts")).search],
  version: [
    "Show the versions of this program and of the engine",
    async () => (await import("./commands/version.ts")).version,
  ],
};

export const NOUNS = {
  container: {
    summary: "Manage containers",
    verbs: {
      ...CONTAINER_VERBS,
      inspect: ["Describe containers in JSON", async () => (await inspection()).inspectContainer],
      ls: ps,
      prune: ["Remove containers that do not run", async () => (await pruning()).pruneContainers],
    },
    aliases: { list: "ls", ps: "ls", remove: "rm" },
  },
  image: {
    summary: "Manage images",
    verbs: {
      ...IMAGE_VERBS,
      diff: ["Show how two images differ", async () => (await import("./commands/image-diff.ts")).imageDiff],
      inspect: ["Describe images in JSON", async () => (await inspection()).inspectImage],
      layers: [
        "Show an image's layers, their files and what is wasted",
        async () => (await import("./commands/image-layers.ts")).imageLayers,
      ],
      ls: images,
      pin: ["Keep images from being pruned", async () => (await pins()).pin],
      pins: ["List the images that are pinned", async () => (await pins()).pins],
      prune: [
        "Remove images that nothing uses",
        async () => (await import("./commands/image-prune.ts")).pruneImages,
      ],
      rm: rmi,
      unpin: ["Let images be pruned again", async () => (await pins()).unpin],
    },
    aliases: { list: "ls", remove: "rm" },
  },
  system: {
    summary: "Manage the engine",
    verbs: {
      ...SYSTEM_VERBS,
      df: [
        "Show how much of the disk is used",
        async () => (await import("./commands/disk-usage.ts")).diskUsage,
      ],
      prune: ["Remove all that nothing uses", async () => (await pruning()).pruneSystem],
      scrub: ["Check all that is stored", async () => (await import("./commands/scrub.ts")).scrub],
    },
    aliases: {},
  },
} as const satisfies Readonly<
  Record<string, { summary: string; verbs: Verbs; aliases: Readonly<Record<string, string>> }>
>;

export type Noun = keyof typeof NOUNS;

export const isNoun = (word: string): word is Noun => Object.hasOwn(NOUNS, word);

const own = <T>(table: Readonly<Record<string, T>>, word: string): T | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined;

/** The command that a line names, the words that name it, and what stands behind them. */
export function findCommand(argv: readonly string[]): {
  readonly entry: CommandEntry | undefined;
  readonly path: readonly string[];
  readonly rest: readonly string[];
} {
  const [first = "", second] = argv;
  const top = own(TOP_VERBS, first);
  if (top !== undefined) return { entry: entryOf(first, top), path: [first], rest: argv.slice(1) };
  if (!isNoun(first) || second === undefined || second.startsWith("-")) {
    return { entry: undefined, path: [first], rest: argv.slice(1) };
  }
  const { verbs, aliases } = NOUNS[first];
  const verb = own<string>(aliases, second) ?? second;
  const found = own<Verbs[string]>(verbs, verb);
  return {
    entry: found === undefined ? undefined : entryOf(`${first} ${verb}`, found),
    path: [first, second],
    rest: argv.slice(2),
  };
}

function entryOf(path: string, [summary, load]: Verbs[string]): CommandEntry {
  return { path, summary, load };
}

/** Every way to write a command: `container ls`, `container list`, `container ps`, `ps`. */
export function spellings(entry: CommandEntry): string[] {
  const found: string[] = [];
  for (const [noun, { verbs, aliases }] of Object.entries(NOUNS)) {
    for (const [verb, [, load]] of Object.entries<Verbs[string]>(verbs)) {
      if (load !== entry.load) continue;
      const others = Object.entries<string>(aliases).filter(([, target]) => target === verb);
      found.push(`${noun} ${verb}`, ...others.map(([alias]) => `${noun} ${alias}`));
    }
  }
  const top = Object.entries(TOP_VERBS).filter(([, [, load]]) => load === entry.load);
  return [...found, ...top.map(([verb]) => verb)];
}
