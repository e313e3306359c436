/** The commands that change containers which exist: one request for each name. */
import { UsageError } from "../arguments.ts";
import { defineCommand } from "../command.ts";
import { forEachName } from "../each.ts";

const MANY = [1, Number.POSITIVE_INFINITY] as const;
const TIMEOUT = {
  type: "string",
  placeholder: "int",
  help: "Seconds to wait before killing the container",
} as const;
const SIGNAL = { type: "string", short: "s", help: "Signal to send to the container" } as const;

function seconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) throw new UsageError(`invalid argument "${text}" for "-t, --timeout" flag`);
  return Number(text);
}

export const stop = defineCommand({
  usage: "stop [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Stop one or more running containers",
  flags: { timeout: { ...TIMEOUT, short: "t" }, time: TIMEOUT, signal: SIGNAL },
  positionals: MANY,
  run: (context, flags, names) => {
    const options = { t: seconds(flags.timeout ?? flags.time), signal: flags.signal };
    return forEachName(
      context,
      names,
      async (name) => void (await unlessModified(context.client.stopContainer(name, options))),
    );
  },
});

export const restart = defineCommand({
  usage: "restart [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Restart one or more containers",
  flags: { timeout: { ...TIMEOUT, short: "t" }, time: TIMEOUT, signal: SIGNAL },
  positionals: MANY,
  run: (context, flags, names) => {
    const options = { t: seconds(flags.timeout ?? flags.time), signal: flags.signal };
    return forEachName(
      context,
      names,
      async (name) => void (await context.client.restartContainer(name, options)),
    );
  },
});

export const kill = defineCommand({
  usage: "kill [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Kill one or more running containers",
  flags: { signal: SIGNAL },
  positionals: MANY,
  run: (context, flags, names) =>
    forEachName(
      context,
      names,
      async (name) => void (await context.client.killContainer(name, flags.signal)),
    ),
});

export const pause = defineCommand({
  usage: "pause CONTAINER [CONTAINER...]",
  summary: "Pause all processes within one or more containers",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => void (await context.client.pauseContainer(name))),
});

export const unpause = defineCommand({
  usage: "unpause CONTAINER [CONTAINER...]",
  summary: "Unpause all processes within one or more containers",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => void (await context.client.unpauseContainer(name))),
});

export const rm = defineCommand({
  usage: "rm [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Remove one or more containers",
  flags: {
    force: { type: "bool", short: "f", help: "Force the removal of a running container (uses SIGKILL)" },
    volumes: { type: "bool", short: "v", help: "Remove anonymous volumes associated with the container" },
    link: { type: "bool", short: "l", help: "Remove the specified link" },
  },
  positionals: MANY,
  run: (context, flags, names) =>
    forEachName(context, names, async (name) => {
      const options = { force: flags.force, v: flags.volumes, link: flags.link };
      await context.client.removeContainer(name, options).catch((error) => {
        // With --force a container that is not there is what was asked for.
        if (flags.force !== true || error.kind !== "notFound") throw error;
      });
      return undefined;
    }),
});

export const wait = defineCommand({
  usage: "wait CONTAINER [CONTAINER...]",
  summary: "Block until one or more containers stop, then print their exit codes",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => {
      const { result } = await context.client.waitContainer(name, "not-running");
      return String((await result).StatusCode);
    }),
});

export const rename = defineCommand({
  usage: "rename CONTAINER NEW_NAME",
  summary: "Rename a container",
  flags: {},
  positionals: [2, 2],
  async run(context, _, [container = "", name = ""]) {
    await context.client.renameContainer(container, name);
    return 0;
  },
});

/** `304 Not Modified`: it is as asked already. */
async function unlessModified(call: Promise<void>): Promise<void> {
  await call.catch((error) => {
    if (error.kind !== "notModified") throw error;
  });
}
