import { fromUnknown, isKind } from "../../base/errors.ts";
import type { InspectableType } from "../../client/engine-client.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure, failureText } from "../failure.ts";
import { FORMAT_HELP, text, toggle } from "../flags.ts";
import { TemplateError } from "../render/go-syntax.ts";
import { compileTemplate } from "../render/go-template.ts";

const MANY = [1, Number.POSITIVE_INFINITY] as const;

const TYPES: readonly InspectableType[] = [
  "config",
  "container",
  "image",
  "network",
  "node",
  "plugin",
  "secret",
  "service",
  "task",
  "volume",
];
/** Where a name is looked for after containers and images. */
const REST: readonly InspectableType[] = ["network", "volume", "plugin"];

export const inspect = defineCommand({
  arguments: "[OPTIONS] NAME|ID [NAME|ID...]",
  flags: {
    format: text(FORMAT_HELP, { short: "f" }),
    size: toggle("How much a container takes on the disk", { short: "s" }),
    type: text(`One kind of thing only: ${TYPES.join(", ")}`),
  },
  positionals: MANY,
  async run(context, { format, size = false, type = "" }, names) {
    const known = TYPES.find((name) => name === type);
    if (type !== "" && known === undefined) {
      const all = TYPES.map((name) => JSON.stringify(name)).join(", ");
      throw new CliFailure(`unknown type: ${JSON.stringify(type)}: must be one of ${all}`);
    }
    return await inspectAll(context, names, format, (name) =>
      known === undefined ? lookUp(context, name, size) : context.client.inspect(known, name, size),
    );
  },
});

export const inspectContainer = defineCommand({
  arguments: "[OPTIONS] CONTAINER [CONTAINER...]",
  flags: {
    format: text(FORMAT_HELP, { short: "f" }),
    size: toggle("How much it takes on the disk", { short: "s" }),
  },
  positionals: MANY,
  run: (context, { format, size = false }, names) =>
    inspectAll(context, names, format, (name) => context.client.inspect("container", name, size)),
});

export const inspectImage = defineCommand({
  arguments: "[OPTIONS] IMAGE [IMAGE...]",
  flags: { format: text(FORMAT_HELP, { short: "f" }) },
  positionals: MANY,
  run: (context, { format }, names) =>
    inspectAll(context, names, format, (name) => context.client.inspect("image", name, false)),
});

/** What was found goes out, even if it is nothing; then what was not. */
async function inspectAll(
  context: CliContext,
  names: readonly string[],
  format: string | undefined,
  get: (name: string) => Promise<unknown>,
): Promise<number> {
  const render = rendererOf(format);
  const found: unknown[] = [];
  const rendered: string[] = [];
  const complaints: string[] = [];
  for (const name of names) {
    try {
      const value = await get(name);
      found.push(value);
      if (render !== undefined) rendered.push(render(value));
    } catch (error) {
      const message = error instanceof TemplateError ? error.message : failureText(fromUnknown(error));
      complaints.push(error instanceof TemplateError ? `template parsing error: ${message}` : message);
    }
  }
  if (render !== undefined) await context.out(rendered.length === 0 ? "\n" : `${rendered.join("\n")}\n`);
  else await context.out(`${JSON.stringify(found, null, format === "json" ? 0 : 4)}\n`);
  if (complaints.length > 0) await context.err(`${complaints.join("\n")}\n`);
  return complaints.length === 0 ? 0 : 1;
}

/** undefined where all of it is printed as one list. */
function rendererOf(format: string | undefined): ((value: unknown) => string) | undefined {
  if (format === undefined || format === "" || format === "json") return undefined;
  try {
    return compileTemplate(format);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliFailure(`template parsing error: ${error.message}`, "plain", 64);
  }
}

async function lookUp({ client }: CliContext, name: string, size: boolean): Promise<unknown> {
  // Asked at once: most names are one of these two.
  const answers = await Promise.allSettled([
    client.inspect("container", name, size),
    client.inspect("image", name, false),
  ]);
  const rest = answers.some(isFound) ? [] : REST.map((type) => client.inspect(type, name, false));
  for (const answer of [...answers, ...(await Promise.allSettled(rest))]) {
    if (isFound(answer)) return answer.value;
    if (!isAbsent(answer.reason)) throw answer.reason;
  }
  throw new CliFailure(`Error: No such object: ${name}`);
}

const isFound = <T>(answer: PromiseSettledResult<T>): answer is PromiseFulfilledResult<T> =>
  answer.status === "fulfilled";

/** A kind of thing that the engine has not yet has no members. */
function isAbsent(error: unknown): boolean {
  if (isKind(error, "notFound") || isKind(error, "unimplemented")) return true;
  return /not supported|invalid reference format/.test(fromUnknown(error).message);
}
