import type { FileDifference, ImageDiffLine, ImageDiffTotal } from "../../api/storage-views.ts";
import { EngineError } from "../../base/errors.ts";
import { humanSize } from "../../base/units.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text } from "../flags.ts";

const LETTERS = { added: "A", changed: "C", removed: "D" } as const;

export const imageDiff = defineCommand({
  arguments: "[OPTIONS] IMAGE IMAGE",
  flags: { format: text("'json': every line as the engine gives it") },
  positionals: [2, 2],
  async run(context, { format = "" }, [from = "", to = ""]) {
    if (format !== "" && format !== "json") throw new CliFailure("the one --format there is is 'json'");
    const sum = { Added: 0, Changed: 0, Removed: 0, BytesTo: 0, BytesFrom: 0 };
    let after: string | undefined;
    do {
      const total = await showPage(context, { from, to, after }, format === "json");
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += total[key];
      after = total.Next;
    } while (after !== undefined);
    if (format !== "json") await context.out(sumText(sum));
    return 0;
  },
});

/** One answer of the engine; its total tells whether there is more. */
async function showPage(
  context: CliContext,
  query: { readonly from: string; readonly to: string; readonly after: string | undefined },
  asJson: boolean,
): Promise<ImageDiffTotal> {
  let total: ImageDiffTotal | undefined;
  for await (const line of context.client.diffImages(query)) {
    if (line.Kind === "error") throw new EngineError("internal", line.Message);
    if (line.Kind === "total") total = line;
    if (asJson) await context.out(`${JSON.stringify(line)}\n`);
    else if (line.Kind !== "images" || query.after === undefined) await context.out(lineText(line));
  }
  if (total === undefined) throw new EngineError("unavailable", "the daemon's answer broke off");
  return total;
}

function lineText(line: ImageDiffLine): string {
  if (line.Kind === "file") return fileText(line);
  if (line.Kind !== "images") return "";
  const value = (given: unknown) => (given === undefined ? "(none)" : JSON.stringify(given));
  return line.Config.map(({ Path, From, To }) => `config ${Path}: ${value(From)} -> ${value(To)}\n`).join("");
}

function fileText({ Change, Differs = [], From, Path, To }: FileDifference): string {
  const link = To?.Target ?? (Change === "removed" ? From?.Target : undefined);
  const size = (facts: typeof From) => (facts?.Type === "file" ? humanSize(facts.Size) : facts?.Type);
  const facts = Change === "added" ? size(To) : Change === "removed" ? size(From) : Differs.join(", ");
  const grown = Change === "changed" && From?.Size !== To?.Size ? `, ${size(From)} -> ${size(To)}` : "";
  const target = link === undefined ? "" : ` -> ${link}`;
  return `${LETTERS[Change]} ${Path}${target}${facts === undefined || facts === "" ? "" : ` (${facts}${grown})`}\n`;
}

type Sum = Pick<ImageDiffTotal, "Added" | "Changed" | "Removed" | "BytesTo" | "BytesFrom">;

function sumText({ Added, BytesFrom, BytesTo, Changed, Removed }: Sum): string {
  return `${Added} added, ${Changed} changed, ${Removed} removed; ${humanSize(BytesFrom)} -> ${humanSize(BytesTo)}\n`;
}
