import { CliFailure } from "../failure.ts";
import { TemplateError } from "./go-syntax.ts";
import { compileTemplate } from "./go-template.ts";
import { escapeHtml } from "./go-values.ts";
import { renderTable } from "./table.ts";

/** One line of a list: what a template may name. Functions take arguments (`{{.Label "x"}}`). */
export type Row = Readonly<Record<string, string | null | ((...args: readonly unknown[]) => string)>>;

export interface Listing {
  /** Title of every field that a row has. */
  readonly titles: Readonly<Record<string, string>>;
  /** The fields of the plain table, in order. */
  readonly columns: readonly string[];
  /** Docker's name for the rows' type, which messages carry. */
  readonly typeName: string;
  /** How messages on a template begin: `[cannot be read, does not fit]`. */
  readonly complaints: readonly [parse: string, execute: string];
}

/**
 * Renders rows as Docker's list commands do: the plain table (no format or `table`), `json` lines, a Go template for each
 * row, or `table <template>` with a header. Throws CliFailure for a template that is none.
 */
export function renderListing(format: string, listing: Listing, rows: readonly Row[]): string {
  if (format === "" || format === "table") {
    const titles = listing.columns.map((field) => listing.titles[field] ?? "");
    const cells = rows.map((row) => listing.columns.map((field) => String(row[field] ?? "")));
    return renderTable([titles, ...cells]);
  }
  if (format === "json") return rows.map((row) => `${rowJson(row)}\n`).join("");
  try {
    return renderTemplateRows(format, listing, rows);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const [parse, execute] = listing.complaints;
    throw new CliFailure(`${error.phase === "parse" ? parse : execute}: ${error.message}`);
  }
}

function renderTemplateRows(format: string, listing: Listing, rows: readonly Row[]): string {
  const isTable = format.startsWith("table");
  const template = (isTable ? format.slice("table".length) : format)
    .replace(/^ +| +$/g, "")
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
  const json = (value: unknown) =>
    typeof value === "object" && value !== null ? rowJson(value as Row) : escapeHtml(JSON.stringify(value));
  const render = compileTemplate(template, { typeName: listing.typeName, functions: { json } });
  const lines = rows.map((row) => render(row));
  if (!isTable) return lines.map((line) => `${line}\n`).join("");
  const header = compileTemplate(template, { typeName: listing.typeName, functions: HEADER_FUNCTIONS });
  return renderTable([header(headerRow(listing)), ...lines].flatMap(cellsOf));
}

const cellsOf = (text: string) => text.split("\n").map((line) => line.split("\t"));

/** In a header a function leaves its title as it is. */
const unchanged = (title: unknown) => title;
const HEADER_FUNCTIONS = {
  json: unchanged,
  split: unchanged,
  join: unchanged,
  title: unchanged,
  lower: unchanged,
  upper: unchanged,
  truncate: unchanged,
};

function headerRow({ titles }: Listing): Row {
  return { ...titles, Label: (name) => labelTitle(String(name)) };
}

/** `com.example.web-app` → `web app`. */
function labelTitle(name: string): string {
  return (name.split(".").at(-1) ?? "").replace(/[-_]/g, " ");
}

function rowJson(row: Row): string {
  const fields = Object.entries(row)
    .filter(([, value]) => typeof value !== "function")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return escapeHtml(JSON.stringify(Object.fromEntries(fields)));
}
