import { readFileSync } from "node:fs";
import { EngineError } from "../base/errors.ts";

/**
 * The gid of the API's unix socket: of the group that was named (throws invalid when there is none such), else of `docker`, else
 * of `berth`; undefined leaves it root's. `group` is text of /etc/group (group(5)).
 */
export function socketGroup(
  named: string | undefined,
  group = readFileSync("/etc/group", "utf8"),
): number | undefined {
  const gids = new Map(
    group.split("\n").map((line) => [line.split(":")[0] ?? "", Number(line.split(":")[2])]),
  );
  if (named === undefined) return gids.get("docker") ?? gids.get("berth");
  const gid = gids.get(named) ?? (/^\d+$/.test(named) ? Number(named) : undefined);
  if (gid === undefined) throw new EngineError("invalid", `group ${named} not found`);
  return gid;
}
