import type { EventMessage } from "../../api/system-views.ts";
import { defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { FORMAT_HELP, filters, text } from "../flags.ts";
import { TemplateError } from "../render/go-syntax.ts";
import { compileTemplate } from "../render/go-template.ts";
import { goJson } from "../render/go-values.ts";
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

function printer(format: string): (line: string) => string {
  if (format === "") return describe;
  if (format === "json") return (line) => wholeJson(line, JSON.parse(line));
  try {
    const json = (value: unknown) => {
      const line = value instanceof Object ? LINES.get(value) : undefined;
      return line === undefined ? goJson(value) : wholeJson(line, JSON.parse(line));
    };
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

/** Nanoseconds since 1970 are more than a number holds: their digits are taken from the line. */
function wholeJson(line: string, event: unknown): string {
  return goJson(event).replace(/"timeNano":[\d.e+]+/, `"timeNano":${nanoseconds(line)}`);
}

/** The line that an object for templates was made of. */
const LINES = new WeakMap<object, string>();

/** The names that Docker's own type has for templates. */
function fields(line: string): Record<string, unknown> {
  const event = JSON.parse(line) as EventMessage;
  const { status = "", id = "", from = "", Type, Action, Actor, scope, time } = event;
  const named = { Status: status, ID: id, From: from, Type, Action, Actor, Scope: scope, Time: time };
  const whole = { ...named, TimeNano: nanoseconds(line) };
  LINES.set(whole, line);
  return whole;
}

function describe(line: string): string {
  const { Type, Action, Actor } = JSON.parse(line) as EventMessage;
  const attributes = Object.entries(Actor.Attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  const tail = attributes.length === 0 ? "" : ` (${attributes.join(", ")})`;
  return `${fixedTime(nanoseconds(line))} ${Type} ${Action} ${Actor.ID}${tail}`;
}
