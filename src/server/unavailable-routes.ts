/** Endpoints of the API that berth does not serve yet: each says so in one sentence, with status 501. */
import type { RouteName } from "../api/routes.ts";
import { EngineError } from "../base/errors.ts";
import type { Handler } from "./exchange.ts";

const SUBJECTS = {
  containerStats: "container statistics are",
  containerUpdate: "updating containers is",
  build: "building images is",
  buildPrune: "building images is",
  buildCancel: "building images is",
  session: "build sessions are",
  grpc: "BuildKit's control interface is",
  networkList: "networks are",
  networkCreate: "networks are",
  networkConnect: "networks are",
  networkDisconnect: "networks are",
  networkPrune: "networks are",
  networkRemove: "networks are",
  volumeList: "volumes are",
  volumeCreate: "volumes are",
  volumeUpdate: "volumes are",
  volumePrune: "volumes are",
  volumeRemove: "volumes are",
  pluginList: "plugins are",
  pluginPrivileges: "plugins are",
  pluginPull: "plugins are",
  pluginCreate: "plugins are",
  pluginEnable: "plugins are",
  pluginDisable: "plugins are",
  pluginUpgrade: "plugins are",
  pluginPush: "plugins are",
  pluginSet: "plugins are",
  pluginRemove: "plugins are",
  swarmInspect: "clusters are",
  swarmUnlockKey: "clusters are",
  swarmInit: "clusters are",
  swarmJoin: "clusters are",
  swarmLeave: "clusters are",
  swarmUpdate: "clusters are",
  swarmUnlock: "clusters are",
  nodeList: "nodes are",
  nodeInspect: "nodes are",
  nodeUpdate: "nodes are",
  nodeRemove: "nodes are",
  serviceList: "services are",
  serviceLogs: "services are",
  serviceInspect: "services are",
  serviceCreate: "services are",
  serviceUpdate: "services are",
  serviceRemove: "services are",
  taskList: "tasks are",
  taskLogs: "tasks are",
  taskInspect: "tasks are",
  secretList: "secrets are",
  secretInspect: "secrets are",
  secretCreate: "secrets are",
  secretUpdate: "secrets are",
  secretRemove: "secrets are",
  configList: "configs are",
  configInspect: "configs are",
  configCreate: "configs are",
  configUpdate: "configs are",
  configRemove: "configs are",
} satisfies Partial<Record<RouteName, string>>;

type UnavailableRoute = keyof typeof SUBJECTS;

const REFUSALS = Object.fromEntries(
  Object.entries(SUBJECTS).map(([name, subject]) => [name, refuse(`${subject} not available yet in berth`)]),
) as Record<UnavailableRoute, Handler>;

/** The networks that containers can name. Their inspection comes with the others'. */
const BUILT_IN_NETWORKS = ["none", "host"];

/**
 * One object that nobody can have made is not there, in Docker's words: `docker inspect` asks for a name as one kind after the
 * other and goes on only after a 404.
 */
const ABSENT = {
  networkInspect: ({ params }) => {
    const { id = "" } = params;
    if (BUILT_IN_NETWORKS.includes(id)) {
      throw new EngineError("unimplemented", "inspecting networks is not available yet in berth");
    }
    throw new EngineError("notFound", `network ${id} not found`);
  },
  volumeInspect: ({ params }) => {
    throw new EngineError("notFound", `get ${params.name}: no such volume`);
  },
  pluginInspect: ({ params }) => {
    throw new EngineError("notFound", `plugin "${params.name}" not found`);
  },
} satisfies Partial<Record<RouteName, Handler>>;

export const UNAVAILABLE_ROUTES: Record<UnavailableRoute | keyof typeof ABSENT, Handler> = {
  ...REFUSALS,
  ...ABSENT,
};

function refuse(sentence: string): Handler {
  return () => {
    throw new EngineError("unimplemented", sentence);
  };
}
