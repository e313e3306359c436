/** The commands that change containers which exist: one request for each name. */
import { fromUnknown } from "../../base/errors.ts";
import { defineCommand } from "../command.ts";
import { forEachName } from "../each.ts";
import { failureText } from "../failure.ts";
import { text, toggle, value } from "../flags.ts";
import { parseInteger } from "../values/numbers.ts";

const MANY = [1, Number.POSITIVE_INFINITY] as const;

const stopFlags = () => ({
  signal: text("Signal that asks it to stop", { short: "s" }),
  time: value("int", "", parseInteger, { since: "use --timeout instead" }),
  timeout: value("int", "Seconds before it is killed", parseInteger, { short: "t" }),
});

export const stop = defineCommand({
  arguments: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: stopFlags(),
  positionals: MANY,
  run: (context, { signal, time, timeout }, names) =>
    forEachName(context, names, async (name) => {
      await context.client.stopContainer(name, { t: timeout ?? time, signal });
      return name;
    }),
});

export const restart = defineCommand({
  arguments: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: stopFlags(),
  positionals: MANY,
  run: (context, { signal, time, timeout }, names) =>
    forEachName(context, names, async (name) => {
      await context.client.restartContainer(name, { t: timeout ?? time, signal });
      return name;
    }),
});

export const kill = defineCommand({
  arguments: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: { signal: text("Signal to send", { short: "s" }) },
  positionals: MANY,
  run: (context, { signal }, names) =>
    forEachName(context, names, async (name) => {
      await context.client.killContainer(name, signal);
      return name;
    }),
});

export const pause = defineCommand({
  arguments: "CONTAINER [CONTAINER...]",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => {
      await context.client.pauseContainer(name);
      return name;
    }),
});

export const unpause = defineCommand({
  arguments: "CONTAINER [CONTAINER...]",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => {
      await context.client.unpauseContainer(name);
      return name;
    }),
});

export const rm = defineCommand({
  arguments: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    force: toggle("Kill a running container first", { short: "f" }),
    link: toggle("Remove a link, not the container", { short: "l" }),
    volumes: toggle("Remove its anonymous volumes as well", { short: "v" }),
  },
  positionals: MANY,
  run: (context, { force, link, volumes }, names) =>
    forEachName(
      context,
      names,
      async (name) => {
        await context.client.removeContainer(name, { force, link, v: volumes });
        return name;
      },
      // With --force a container that is not there is what was asked for.
      (error) => force === true && error.kind === "notFound",
    ),
});

export const wait = defineCommand({
  arguments: "CONTAINER [CONTAINER...]",
  flags: {},
  positionals: MANY,
  run: (context, _, names) =>
    forEachName(context, names, async (name) => {
      const { result } = await context.client.waitContainer(name);
      return String((await result).StatusCode);
    }),
});

export const rename = defineCommand({
  arguments: "CONTAINER NEW_NAME",
  flags: {},
  positionals: [2, 2],
  async run(context, _, [container = "", name = ""]) {
    try {
      await context.client.renameContainer(container, name);
      return 0;
    } catch (error) {
      const reason = failureText(fromUnknown(error));
      await context.err(`${reason}\nError: failed to rename container named ${container}\n`);
      return 1;
    }
  },
});
