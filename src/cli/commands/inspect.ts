import { EngineError, isKind } from "../../base/errors.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { renderTemplate } from "../render/go-template.ts";

export const inspect = defineCommand({
  usage: "inspect [OPTIONS] NAME|ID [NAME|ID...]",
  summary: "Return low-level information on containers and images",
  flags: {
    format: { type: "string", short: "f", help: "Format output: json, or a Go template" },
    size: { type: "bool", short: "s", help: "Display total file sizes if the type is container" },
    type: { type: "string", help: "Only inspect objects of the given type (container, image)" },
  },
  positionals: [1, Number.POSITIVE_INFINITY],
  async run(context, flags, names) {
    const found: unknown[] = [];
    const errors: string[] = [];
    for (const name of names) {
      try {
        found.push(await inspectOne(context, name, flags.type, flags.size === true));
      } catch (error) {
        if (!isKind(error, "notFound")) throw error;
        errors.push(error.message);
      }
    }
    if (flags.format === undefined) await context.out(`${JSON.stringify(found, null, 4)}\n`);
    else {
      const template = flags.format === "json" ? "{{json .}}" : flags.format;
      await context.out(found.map((item) => `${renderTemplate(template, item)}\n`).join(""));
    }
    for (const message of errors) await context.err(`Error: ${message}\n`);
    return errors.length === 0 ? 0 : 1;
  },
});

async function inspectOne(
  context: CliContext,
  name: string,
  type: string | undefined,
  size: boolean,
): Promise<unknown> {
  if (type === "container") return await context.client.inspectContainer(name, size);
  if (type === "image") return await context.client.inspectImage(name);
  if (type !== undefined && type !== "")
    throw new EngineError("invalid", `${JSON.stringify(type)} is not a valid value for --type`);
  try {
    return await context.client.inspectContainer(name, size);
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
  }
  return await context.client.inspectImage(name).catch((error) => {
    throw isKind(error, "notFound") ? new EngineError("notFound", `No such object: ${name}`) : error;
  });
}
