/** `docker cp`: HEAD, GET and PUT of a path in a container. */
import { JSON_TYPE } from "../api/media-types.ts";
import { EngineError } from "../base/errors.ts";
import type {
  ContainerFilesBackend,
  PathStat,
} from "../engine/containers/archive/container-files-use-cases.ts";
import { containerNameOf } from "./containers-router.ts";
import type { Exchange, Handler } from "./exchange.ts";
import { sendStream } from "./send-stream.ts";

const STAT_HEADER = "X-Docker-Container-Path-Stat";

export function containerArchiveRoutes(files: ContainerFilesBackend) {
  return {
    containerArchiveInfo: async (exchange) => {
      const stat = await files.statPath(containerNameOf(exchange), pathOf(exchange), exchange.signal);
      exchange.answer(200, JSON_TYPE, "", statHeader(stat));
    },
    containerArchiveGet: async (exchange) => {
      const path = pathOf(exchange);
      const { stat, tar } = await files.getArchive(containerNameOf(exchange), path, exchange.signal);
      await sendStream(exchange, "application/x-tar", tar, statHeader(stat));
    },
    containerArchivePut: async (exchange) => {
      const { query } = exchange;
      const options = {
        noOverwriteDirNonDir: query.flag("noOverwriteDirNonDir"),
        copyUidGid: query.flag("copyUIDGID"),
      };
      const path = pathOf(exchange);
      await files.putArchive(containerNameOf(exchange), path, exchange.body, options, exchange.signal);
      exchange.empty(200);
    },
  } satisfies Record<string, Handler>;
}

function pathOf(exchange: Exchange): string {
  const path = exchange.query.text("path");
  // Docker's words, the missing space included.
  if (path === "") throw new EngineError("invalid", "bad parameter: pathcannot be empty");
  return path;
}

function statHeader(stat: PathStat): Record<string, string> {
  return { [STAT_HEADER]: Buffer.from(JSON.stringify(stat)).toString("base64") };
}
