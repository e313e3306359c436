import type { ImageLayersTotal, LayerFacts, LayerFile } from "../../api/storage-views.ts";
import { EngineError } from "../../base/errors.ts";
import { humanSize } from "../../base/units.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text, toggle } from "../flags.ts";
import { renderTable } from "../render/table.ts";
import { ellipsis } from "../render/text.ts";

const TITLES = ["LAYER", "SIZE", "ADDED", "MODIFIED", "REMOVED", "WASTED", "CREATED BY"];
const LETTERS = { added: "A", modified: "C", removed: "D" } as const;
const INSTRUCTION_LENGTH = 60;
/** Of the most wasteful paths so many are shown. */
const SHOWN_WASTE = 20;

export const imageLayers = defineCommand({
  arguments: "[OPTIONS] IMAGE",
  flags: {
    files: toggle("The files of each layer as well"),
    format: text("'json': every line as the engine gives it"),
    "no-trunc": toggle("Whole instructions"),
  },
  positionals: [1, 1],
  async run(context, { files, format = "", "no-trunc": whole = false }, [name = ""]) {
    if (format !== "" && format !== "json") throw new CliFailure("the one --format there is is 'json'");
    const lines = context.client.imageLayers(name, { files: files || undefined });
    const layers: LayerFacts[] = [];
    let total: ImageLayersTotal | undefined;
    for await (const line of lines) {
      if (line.Kind === "error") throw new EngineError("internal", line.Message);
      if (format === "json") await context.out(`${JSON.stringify(line)}\n`);
      else if (line.Kind === "file") await context.out(fileText(line));
      else if (line.Kind === "layer") {
        layers.push(line);
        // Its files follow: the table comes when all are known.
        if (files === true) await context.out(`layer ${line.Index} ${instruction(line, whole)}\n`);
      }
      if (line.Kind === "total") total = line;
    }
    if (total === undefined) throw new EngineError("unavailable", "the daemon's answer broke off");
    if (format !== "json") await showSummary(context, layers, total, whole);
    return 0;
  },
});

const instruction = ({ Instruction }: LayerFacts, whole: boolean) => {
  const text = Instruction.replaceAll("\t", " ");
  return whole ? text : ellipsis(text, INSTRUCTION_LENGTH);
};

function fileText({ Change, Path, Size, Type, Wasted }: LayerFile): string {
  const size = Type === "file" ? ` (${humanSize(Size)}${Wasted ? ", wasted" : ""})` : "";
  return `  ${LETTERS[Change]} ${Path}${size}\n`;
}

async function showSummary(
  context: CliContext,
  layers: readonly LayerFacts[],
  total: ImageLayersTotal,
  whole: boolean,
): Promise<void> {
  const rows = layers.map((layer) => [
    String(layer.Index),
    humanSize(layer.Size),
    String(layer.Added),
    String(layer.Modified),
    String(layer.Removed),
    humanSize(layer.Wasted),
    instruction(layer, whole),
  ]);
  const share = `${(total.Efficiency * 100).toFixed(1)}%`;
  const omitted = total.FilesOmitted > 0 ? `${total.FilesOmitted} files are not shown.\n` : "";
  const waste = total.TopWasted.slice(0, SHOWN_WASTE).map(({ Bytes, Path, Versions }) => [
    humanSize(Bytes),
    String(Versions),
    Path,
  ]);
  const wasted = waste.length === 0 ? "" : `\n${renderTable([["WASTED", "VERSIONS", "PATH"], ...waste])}`;
  await context.out(
    `${omitted}${renderTable([TITLES, ...rows])}${wasted}\n${total.Layers} layers, ${humanSize(total.Size)}, of which ${humanSize(total.Wasted)} are wasted: efficiency ${share}\n`,
  );
}
