/** Content types of the Engine API's streams. */
export const RAW_STREAM = "application/vnd.docker.raw-stream";
/** Frames of `stream-frames.ts`; named so since API 1.42. */
export const MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream";
export const JSON_TYPE = "application/json";
export const PLAIN_TEXT = "text/plain; charset=utf-8";
