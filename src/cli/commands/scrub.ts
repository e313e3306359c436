import type { ScrubFinding, ScrubLine, ScrubProgress, ScrubTotal } from "../../api/storage-views.ts";
import { EngineError } from "../../base/errors.ts";
import { humanSize } from "../../base/units.ts";
import { type CliContext, defineCommand } from "../command.ts";
import { CliFailure } from "../failure.ts";
import { text, toggle } from "../flags.ts";

const ERASE_LINE = "\r\u001b[2K";

export const scrub = defineCommand({
  arguments: "[OPTIONS]",
  flags: {
    format: text("'json': every line as the engine gives it"),
    repair: toggle("Fetch again what is damaged or missing, where a registry has it"),
    "blobs-only": toggle("Leave out the layers' unpacked files"),
  },
  positionals: [0, 0],
  async run(context, { "blobs-only": blobsOnly = false, format = "", repair = false }) {
    if (format !== "" && format !== "json") throw new CliFailure("the one --format there is is 'json'");
    const lines = context.client.scrubStorage({
      repair: repair || undefined,
      snapshots: blobsOnly ? false : undefined,
    });
    const total = await (format === "json" ? passOn(context, lines) : show(context, lines));
    // What is still not right is a failure to whoever runs this from a timer.
    return total.Damaged + total.Missing > total.Repaired ? 1 : 0;
  },
});

async function passOn(context: CliContext, lines: AsyncIterable<ScrubLine>): Promise<ScrubTotal> {
  let total: ScrubTotal | undefined;
  for await (const line of lines) {
    await context.out(`${JSON.stringify(line)}\n`);
    if (line.Kind === "total") total = line;
  }
  return present(total);
}

async function show(context: CliContext, lines: AsyncIterable<ScrubLine>): Promise<ScrubTotal> {
  const onTerminal = context.terminal.isTerminal("stderr");
  const erase = async () => {
    if (onTerminal) await context.err(ERASE_LINE);
  };
  let total: ScrubTotal | undefined;
  for await (const line of lines) {
    await erase();
    if (line.Kind === "error") throw new EngineError("internal", line.Message);
    if (line.Kind === "progress" && onTerminal) await context.err(progressText(line));
    if (line.Kind === "finding") await context.out(findingText(line));
    if (line.Kind === "total") total = line;
  }
  const { Bytes, Damaged, Missing, Ok, Repaired, Unverifiable } = present(total);
  await context.out(
    `${Ok} ok, ${Damaged} damaged, ${Missing} missing, ${Unverifiable} unverifiable, ${Repaired} repaired; ${humanSize(Bytes)} read\n`,
  );
  return present(total);
}

function present(total: ScrubTotal | undefined): ScrubTotal {
  if (total === undefined) throw new EngineError("unavailable", "the daemon's answer broke off");
  return total;
}

const progressText = ({ Bytes, Done, Of, Stage }: ScrubProgress) =>
  `Reading ${Stage}: ${Done}/${Of}, ${humanSize(Bytes)}`;

function findingText({ Detail, Id, Images, Repair, RepairDetail, State, What }: ScrubFinding): string {
  const users = Images.map(({ Id: id, Names }) => Names[0] ?? id).join(", ");
  const repair = Repair === undefined ? "" : `; ${Repair}${RepairDetail ? ` (${RepairDetail})` : ""}`;
  return `${State} ${What} ${Id}: ${Detail}${users === "" ? "" : ` [${users}]`}${repair}\n`;
}
