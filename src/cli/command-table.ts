import type { Command } from "./command.ts";

/** A command is loaded when it is invoked: no command line pays for another's code. */
export interface CommandEntry {
  readonly summary: string;
  load(): Promise<Command>;
}

const lifecycle = () => import("./commands/lifecycle.ts");

const VERBS: Readonly<Record<string, CommandEntry>> = {
  attach: {
    summary: "Attach to a running container",
    load: async () => (await import("./commands/attach.ts")).attach,
  },
  create: {
    summary: "Create a new container",
    load: async () => (await import("./commands/create.ts")).create,
  },
  events: {
    summary: "Get real time events from the server",
    load: async () => (await import("./commands/system.ts")).events,
  },
  exec: {
    summary: "Execute a command in a running container",
    load: async () => (await import("./commands/exec.ts")).exec,
  },
  hello: {
    summary: "Run the hello-world image that berth carries",
    load: async () => (await import("./commands/hello.ts")).hello,
  },
  images: { summary: "List images", load: async () => (await import("./commands/images.ts")).images },
  import: {
    summary: "Create an image from a root file system's tar",
    load: async () => (await import("./commands/image-input.ts")).importImage,
  },
  info: {
    summary: "Display system-wide information",
    load: async () => (await import("./commands/system.ts")).info,
  },
  inspect: {
    summary: "Return low-level information on containers and images",
    load: async () => (await import("./commands/inspect.ts")).inspect,
  },
  kill: { summary: "Kill one or more running containers", load: async () => (await lifecycle()).kill },
  load: {
    summary: "Load images from an archive",
    load: async () => (await import("./commands/image-input.ts")).load,
  },
  logs: {
    summary: "Fetch the logs of a container",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  pause: { summary: "Pause all processes of containers", load: async () => (await lifecycle()).pause },
  ps: { summary: "List containers", load: async () => (await import("./commands/ps.ts")).ps },
  rename: { summary: "Rename a container", load: async () => (await lifecycle()).rename },
  restart: { summary: "Restart one or more containers", load: async () => (await lifecycle()).restart },
  rm: { summary: "Remove one or more containers", load: async () => (await lifecycle()).rm },
  rmi: {
    summary: "Remove one or more images",
    load: async () => (await import("./commands/image-names.ts")).rmi,
  },
  run: {
    summary: "Create and run a new container from an image",
    load: async () => (await import("./commands/run.ts")).run,
  },
  start: {
    summary: "Start one or more stopped containers",
    load: async () => (await import("./commands/start.ts")).start,
  },
  stop: { summary: "Stop one or more running containers", load: async () => (await lifecycle()).stop },
  tag: {
    summary: "Give an image another name",
    load: async () => (await import("./commands/image-names.ts")).tag,
  },
  top: {
    summary: "Display the processes of a container",
    load: async () => (await import("./commands/top.ts")).top,
  },
  unpause: { summary: "Resume the processes of containers", load: async () => (await lifecycle()).unpause },
  version: {
    summary: "Show the version of berth",
    load: async () => (await import("./commands/version.ts")).version,
  },
  wait: {
    summary: "Block until containers stop, then print their exit codes",
    load: async () => (await lifecycle()).wait,
  },
};

const CONTAINER_VERBS =
  "attach create exec inspect kill logs pause rename restart rm run start stop top unpause wait".split(" ");
const IMAGE_VERBS = "import inspect load tag".split(" ");

function behind(noun: string, verbs: Readonly<Record<string, string>>): Record<string, CommandEntry> {
  const entries = Object.entries(verbs).flatMap(([word, verb]) => {
    const entry = VERBS[verb];
    return entry === undefined ? [] : [[`${noun} ${word}`, entry] as const];
  });
  return Object.fromEntries(entries);
}

const asThemselves = (verbs: readonly string[]) => Object.fromEntries(verbs.map((verb) => [verb, verb]));

/** Every command by its words: `run`, and `container run` for the same. */
export const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  ...VERBS,
  ...behind("container", { ...asThemselves(CONTAINER_VERBS), ls: "ps", list: "ps", ps: "ps", remove: "rm" }),
  ...behind("image", {
    ...asThemselves(IMAGE_VERBS),
    ls: "images",
    list: "images",
    rm: "rmi",
    remove: "rmi",
  }),
  ...behind("system", { info: "info", events: "events" }),
};
