import type { EventMessage } from "../../api/system-views.ts";
import { defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { FORMAT_HELP, filters, text } from "../flags.ts";
import { TemplateError } from "../render/go-syntax.ts";
import { compileTemplate } from "../render/go-template.ts";
import { fixedTime } from "../render/times.ts";
import { unixTime } from "../times.ts";

export const events = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    filter: filters(),
    format: text(FORMAT_HELP),
    since: text("From then on, the past included: a date or how long ago"),
    until: text("Up to then: a date or how long ago"),
  },
  positionals: [0, 0],
  async run(context, flags) {
    const print = printer(flags.format ?? "");
    const lines = context.client.eventLines({
      filters: flags.filter === undefined ? undefined : JSON.stringify(flags.filter),
      since: timeOf(flags.since),
      until: timeOf(flags.until),
    });
    for await (const line of lines) await context.out(`${print(line)}\n`);
    return 0;
  },
});

function timeOf(given: string | undefined): string | undefined {
  try {
    return unixTime(given);
  } catch (error) {
    throw new CliFailure((error as Error).message);
  }
}

/** Lines of JSON are passed on as they are: nanoseconds since 1970 are more than a number holds. */
function printer(format: string): (line: string) => string {
  if (format === "") return describe;
  if (format === "json") return (line) => line;
  try {
    const json = (value: unknown) =>
      JSON.stringify(value instanceof Object && RAW in value ? value[RAW] : value);
    const render = compileTemplate(format, { typeName: "*events.Message", functions: { json } });
    render(fields(EMPTY));
    return (line) => render(fields(line));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new CliFailure(`Error parsing format: ${error.message}`, "plain", 64);
  }
}

const EMPTY =
  '{"Type":"","Action":"","Actor":{"ID":"","Attributes":{}},"scope":"local","time":0,"timeNano":0}';

const nanoseconds = (line: string) => /"timeNano":(\d+)/.exec(line)?.[1] ?? "0";

const RAW = Symbol("the message as it came");

/** The names that Docker's own type has for templates. */
function fields(line: string): Record<string | symbol, unknown> {
  const event = JSON.parse(line) as EventMessage;
  const { status = "", id = "", from = "", Type, Action, Actor, scope, time } = event;
  const named = { Status: status, ID: id, From: from, Type, Action, Actor, Scope: scope, Time: time };
  return { ...named, TimeNano: nanoseconds(line), [RAW]: event };
}

function describe(line: string): string {
  const { Type, Action, Actor } = JSON.parse(line) as EventMessage;
  const attributes = Object.entries(Actor.Attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const tail = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  return `${fixedTime(nanoseconds(line))} ${Type} ${Action} ${Actor.ID}${tail}`;
}
