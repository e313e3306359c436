// engine/ may not import server/: the port stands on the engine side; routers take what they need of it from here.
export type * from "../engine/containers/container-use-cases.ts";
