import { renderTemplate } from "./go-template.ts";
import { renderTable } from "./table.ts";

/** A list command's columns: title and the template field it stands for. */
export type Columns = readonly (readonly [title: string, field: string])[];

/**
 * Renders rows as Docker's list commands do: the default table, `json` lines, a Go template per row, or
 * `table <template>` with a header.
 */
export function renderListing(
  format: string | undefined,
  columns: Columns,
  rows: readonly Record<string, string>[],
): string {
  if (format === undefined || format === "table") {
    const cells = rows.map((row) => columns.map(([, field]) => row[field] ?? ""));
    return renderTable(
      columns.map(([title]) => title),
      cells,
    );
  }
  if (format === "json") return rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const unescaped = format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");
  if (!unescaped.startsWith("table "))
    return rows.map((row) => `${renderTemplate(unescaped, row)}\n`).join("");
  const template = unescaped.slice("table ".length);
  const titles = Object.fromEntries([
    ...Object.keys(rows[0] ?? {}).map((field) => [field, field.toUpperCase()]),
    ...columns.map(([title, field]) => [field, title]),
  ]);
  const lines = [titles, ...rows].map((row) => renderTemplate(template, row).split("\t"));
  return renderTable(lines[0] ?? [], lines.slice(1));
}
