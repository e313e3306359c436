import type { InfoView } from "../../api/system-views.ts";
import { fromUnknown } from "../../base/errors.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure, failureText } from "../failure.ts";
import { FORMAT_HELP, text } from "../flags.ts";
import { TemplateError } from "../render/go-syntax.ts";
import { compileTemplate } from "../render/go-template.ts";
import { serverInfo } from "../render/server-info.ts";

export const info = defineCommand({
  arguments: "[OPTIONS]",
  flags: { format: text(FORMAT_HELP, { short: "f" }) },
  positionals: [0, 0],
  async run(context, { format = "" }) {
    const ClientInfo = { Version: context.build.version, Context: "default", Debug: false };
    if (format !== "") {
      const render = rendererOf(format);
      await printFormatted(context, render, { ...(await context.client.info()), ClientInfo });
      return 0;
    }
    await context.out(
      `Client:\n Version:    ${ClientInfo.Version}\n Context:    default\n Debug Mode: false\n\nServer:\n`,
    );
    const view = await serverView(context);
    if (view === undefined) return 1;
    await context.out(`${serverInfo(view)}\n`);
    const { Warnings } = view;
    if (Array.isArray(Warnings) && Warnings.length > 0) await context.err(`${Warnings.join("\n")}\n`);
    return 0;
  },
});

async function serverView(context: CliContext): Promise<InfoView | undefined> {
  try {
    return await context.client.info();
  } catch (error) {
    await context.err(`${failureText(fromUnknown(error))}\n`);
    return undefined;
  }
}

type Renderer = (view: object) => string;

function rendererOf(format: string): Renderer {
  if (format === "json") return (view) => JSON.stringify(view);
  try {
    return compileTemplate(format, { typeName: "system.dockerInfo" });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliFailure(`template parsing error: ${error.message}`, "plain", 64);
  }
}

async function printFormatted(context: CliContext, render: Renderer, view: object): Promise<void> {
  try {
    await context.out(`${render(view)}\n`);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    await context.out(`${error.written}\n`);
    throw new CliFailure(error.message);
  }
}
