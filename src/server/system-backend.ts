export type * from "../engine/system/system-use-cases.ts";
