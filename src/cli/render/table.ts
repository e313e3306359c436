/**
 * Columns as Go's text/tabwriter sets them: padded to the widest cell and three spaces, never narrower than `minimum`.
 * The last cell of a line is not padded.
 */
export function renderTable(rows: readonly (readonly string[])[], minimum = 10): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? minimum, lengthOf(cell) + 3);
    }
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - lengthOf(cell)),
      )
      .join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}

/** Characters, not UTF-16 units. */
const lengthOf = (text: string) => [...text].length;
