import type { VersionView } from "../../api/system-views.ts";
import { type EngineError, fromUnknown } from "../../base/errors.ts";
import { CLIENT_API_VERSION } from "../../client/engine-client.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure, failureText } from "../failure.ts";
import { FORMAT_HELP, text, toggle } from "../flags.ts";
import { TemplateError } from "../render/go-syntax.ts";
import { compileTemplate } from "../render/go-template.ts";
import { ansicTime } from "../render/times.ts";

export const version = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    client: toggle("Ask no daemon"),
    format: text(FORMAT_HELP, { short: "f" }),
  },
  positionals: [0, 0],
  async run(context, { client: alone = false, format = "" }) {
    const Client = clientVersion(context);
    const render = rendererOf(format);
    let failure: EngineError | undefined;
    const Server = alone
      ? undefined
      : await context.client.version().catch((error) => {
          failure = fromUnknown(error);
          return undefined;
        });
    if (render === undefined) await context.out(layout(Client, Server));
    else await printFormatted(context, render, Server === undefined ? { Client } : { Client, Server });
    if (failure === undefined) return 0;
    await context.err(`${failureText(failure)}\n`);
    return 1;
  },
});

function clientVersion({ build }: CliContext) {
  const [os, arch] = build.platform.split("/");
  return {
    Version: build.version,
    ApiVersion: CLIENT_API_VERSION,
    DefaultAPIVersion: CLIENT_API_VERSION,
    GitCommit: build.commit,
    GoVersion: build.language,
    Os: os,
    Arch: arch,
    BuildTime: ansicTime(build.buildTime),
    Context: "default",
  };
}

type Renderer = (data: object) => string;

function rendererOf(format: string): Renderer | undefined {
  if (format === "") return undefined;
  if (format === "json") return (data) => JSON.stringify(data);
  try {
    return compileTemplate(format, { name: "version" });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliFailure(`template parsing error: ${error.message}`, "plain", 64);
  }
}

async function printFormatted(context: CliContext, render: Renderer, data: object): Promise<void> {
  try {
    await context.out(`${render(data)}\n`);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    await context.out(`${error.written}\n`);
    throw new CliFailure(error.message);
  }
}

function layout(own: ReturnType<typeof clientVersion>, server: VersionView | undefined): string {
  const client = rows(1, [
    ["Version", own.Version],
    ["API version", own.ApiVersion],
    ["Go version", own.GoVersion],
    ["Git commit", own.GitCommit],
    ["Built", own.BuildTime],
    ["OS/Arch", `${own.Os}/${own.Arch}`],
    ["Context", own.Context],
  ]);
  const head = `Client:\n${client}`;
  if (server === undefined) return head;
  const platform = server.Platform?.Name ?? "";
  const components = (server.Components ?? []).map(componentRows).join("");
  return `${head}\nServer:${platform === "" ? "" : ` ${platform}`}\n${components}`;
}

type Component = VersionView["Components"][number];

/** The engine's details have names and an order of their own; others' come as they are. */
function componentRows({ Name, Version, Details = {} }: Component): string {
  if (Name !== "Engine") {
    const others = Object.entries(Details).sort(([a], [b]) => (a < b ? -1 : 1));
    return ` ${Name}:\n${rows(2, [["Version", Version], ...others])}`;
  }
  return ` ${Name}:\n${rows(2, [
    ["Version", Version],
    ["API version", `${Details.ApiVersion} (minimum version ${Details.MinAPIVersion})`],
    ["Go version", Details.GoVersion],
    ["Git commit", Details.GitCommit],
    ["Built", ansicTime(Details.BuildTime ?? "")],
    ["OS/Arch", `${Details.Os}/${Details.Arch}`],
    ["Experimental", Details.Experimental],
  ])}`;
}

function rows(indent: number, pairs: readonly (readonly [string, string | undefined])[]): string {
  const pad = " ".repeat(indent);
  return pairs
    .map(([name, value]) => `${pad}${`${name}:`.padEnd(20 - indent - 1)} ${value ?? ""}\n`)
    .join("");
}
