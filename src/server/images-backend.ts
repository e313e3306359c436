export type * from "../engine/images/image-use-cases.ts";
